# agner: completion for bash. Made by `agner completion bash`; read it with
#     source <(agner completion bash)
#
# What is fixed stands here; what only a node knows is asked of it: `agner
# completion nodes`, `names` and `apps`, which give up soon.

# @COMMANDS@

# What may stand at place $2 of command $1, or as the value of its option $2:
# `fixed` words, and `kinds` of others. False: there is no such place, or the
# option has no value.
_agner_place() {
    fixed= kinds=
    case $1.$2 in
    # @PLACES@
    *) return 1 ;;
    esac
}

# The options of command $1.
_agner_options() {
    case $1 in
    # @OPTIONS@
    esac
}

# All words that `fixed` and `kinds` stand for, a line each. Nothing in a word may
# be expanded: a node's names are its own.
_agner_words() {
    local kind
    printf '%s\n' $fixed
    for kind in $kinds; do
        case $kind in
        files) compgen -f -- "$current" ;;
        nodes) "$agner" completion nodes 2>/dev/null ;;
        *) "$agner" completion "$kind" ${node:+-n "$node"} 2>/dev/null ;;
        esac
    done
}

# The words are read from the line itself, since bash ends a word at `@` and `=`
# too. What stands before the last of these stays on the line, so it is cut off
# the answers.
_agner() {
    local agner=$1 line=${COMP_LINE:0:COMP_POINT} words=() word i
    local current command= node= before= stays= place=0 fixed= kinds=

    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    current=${words[-1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ -n $before ]]; then
            [[ $before == --node || $before == -n ]] && node=$word
            before=
        elif [[ -z $command ]]; then
            command=$word
        elif [[ $word == --node=* ]]; then
            node=${word#*=}
        elif [[ $word == --*=* ]]; then
            continue
        elif [[ $word == -* ]]; then
            _agner_place "$command" "$word" && before=$word
        else
            place=$((place + 1))
        fi
    done

    fixed= kinds=
    if [[ -z $command || $command == help ]]; then
        fixed=$_agner_commands
    elif [[ -n $before ]]; then
        _agner_place "$command" "$before"
    elif [[ $current == --*=* ]]; then
        _agner_place "$command" "${current%%=*}"
        stays=${current%%=*}=
        current=${current#*=}
    elif [[ $current == -* ]]; then
        fixed=$(_agner_options "$command")
    else
        _agner_place "$command" "$place"
    fi
    COMPREPLY=()
    while IFS= read -r word; do
        [[ -n $word && $word == "$current"* ]] && COMPREPLY+=("$word")
    done < <(_agner_words)
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/$stays}")
    if [[ $COMP_WORDBREAKS == *@* && $current == *@* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%@*}@"}")
    fi
}

complete -o filenames -F _agner agner
