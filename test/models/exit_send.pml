/*
 * exit_send.pml -- the end of a process against a late sender: runtime/send.c,
 * exit.c, slab.c.
 *
 * A sender knows the pid of the slot's first life. It reads the generation,
 * writes it into the envelope and pushes, with anything between. The owner
 * closes the mailbox, refuses what waits in it, counts the generation up, and
 * gives the slot away; a second life may then open the mailbox, which drops what
 * names another generation.
 *
 * Holds: each envelope is received by the life that it names, or freed, once;
 * nothing waits in the mailbox of nobody (G8, G21, I13).
 *
 * bug: NO_GENERATION  the second life receives whatever comes
 * bug: LATE_BUMP      the generation is counted up when the slot is free already
 * bug: OPEN_EARLY     what waits at the close stays for the next life
 */
#define ENVELOPES 2

mtype = { DEAD, OPEN };
mtype door = OPEN;
byte generation = 1;
chan inbox = [ENVELOPES] of { byte, byte }; /* envelope, generation */
byte done[ENVELOPES];                       /* how often received or freed */
bool slot_free = false;

proctype sender(byte envelope)
{
    bool pushed = false;

    if
    :: generation != 1 -> skip /* noproc */
    :: else ->
        atomic {
            if
            :: door == OPEN -> inbox ! envelope, 1; pushed = true
            :: else
            fi
        }
    fi;
    if
    :: !pushed -> done[envelope]++ /* the sender frees it */
    :: else
    fi
}

inline receive(life)
{
    byte e, g;

    do
    :: atomic { inbox ? e, g ->
#ifndef NO_GENERATION
            assert(life == g || life == 2);
            if
            :: g == life
            :: else /* dropped: freed */
            fi;
#else
            assert(g == life);
#endif
            done[e]++ }
    :: empty(inbox) -> break
    od
}

proctype first_life()
{
    receive(1);
#ifdef OPEN_EARLY
    door = DEAD;
#else
    atomic { /* one exchange: DEAD, and what waited */
        door = DEAD;
        receive(1)
    }
#endif
#ifdef LATE_BUMP
    slot_free = true;
    generation = 2
#else
    generation = 2;
    slot_free = true
#endif
}

proctype second_life()
{
    byte born;

    slot_free;
    if
    :: goto out /* nobody needs the slot */
    :: true
    fi;
    born = generation;
    assert(born == 2);
    door = OPEN;
    receive(2);
    atomic {
        door = DEAD;
        receive(2)
    }
out:
    skip
}

init {
    atomic {
        run first_life();
        run second_life();
        run sender(0);
        run sender(1)
    }
    timeout;
    assert(empty(inbox));
    assert(done[0] == 1 && done[1] == 1)
}
