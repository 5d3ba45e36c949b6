/*
 * control_ops.h -- the operations of control messages: one table.
 *
 * Private to control_encode.c and control_decode.c. Source: Erlang Distribution
 * Protocol, "Protocol between connected nodes"; spec/distribution.md 5.
 */
#ifndef NODE_CONTROL_OPS_H
#define NODE_CONTROL_OPS_H

/* clang-format off */
/*
 * Number, name, what follows it in the tuple, whether a payload follows, signal.
 *
 *   f  sender: a pid of the peer     w  target: a pid of ours, or a name
 *   t  target: a pid of ours         W  what ended: a pid of the peer, or a name
 *   n  target: a name                a  target: an alias, a reference of ours
 *   p  a pid of anyone               r  a reference of anyone
 *   i  an unlink's id, not 0         u  an unsigned integer
 *   l  a group leader: anyone's pid  m  {Module, Function, Arity}
 *   o  options: any term             x  the reason, or another last term
 *   s  flags (enum altact), which decide about what comes after it, the signal,
 *      and whether a token follows
 *   v  target: a pid of ours, a name or an alias, as the flags say
 *   _  anything: old cookies, trace tokens
 */
#define NODE__CONTROL_OPS(X)                                        \
    X( 1, LINK,                    "ft",     0, LINK)               \
    X( 2, SEND,                    "_t",     1, SEND)               \
    X( 3, EXIT,                    "ftx",    0, EXIT)               \
    X( 4, UNLINK,                  "ft",     0, UNLINK)             \
    X( 6, REG_SEND,                "f_n",    1, SEND_NAME)          \
    X( 7, GROUP_LEADER,            "pt",     0, GROUP_LEADER)       \
    X( 8, EXIT2,                   "ftx",    0, EXIT2)              \
    X(12, SEND_TT,                 "_t_",    1, SEND)               \
    X(13, EXIT_TT,                 "ft_x",   0, EXIT)               \
    X(16, REG_SEND_TT,             "f_n_",   1, SEND_NAME)          \
    X(18, EXIT2_TT,                "ft_x",   0, EXIT2)              \
    X(19, MONITOR_P,               "fwr",    0, MONITOR)            \
    X(20, DEMONITOR_P,             "fwr",    0, DEMONITOR)          \
    X(21, MONITOR_P_EXIT,          "Wtrx",   0, DOWN)               \
    X(22, SEND_SENDER,             "ft",     1, SEND)               \
    X(23, SEND_SENDER_TT,          "ft_",    1, SEND)               \
    X(24, PAYLOAD_EXIT,            "ft",     1, EXIT)               \
    X(25, PAYLOAD_EXIT_TT,         "ft_",    1, EXIT)               \
    X(26, PAYLOAD_EXIT2,           "ft",     1, EXIT2)              \
    X(27, PAYLOAD_EXIT2_TT,        "ft_",    1, EXIT2)              \
    X(28, PAYLOAD_MONITOR_P_EXIT,  "Wtr",    1, DOWN)               \
    X(29, SPAWN_REQUEST,           "rflmo",  1, SPAWN_REQUEST)      \
    X(30, SPAWN_REQUEST_TT,        "rflmo_", 1, SPAWN_REQUEST)      \
    X(31, SPAWN_REPLY,             "rtux",   0, SPAWN_REPLY)        \
    X(32, SPAWN_REPLY_TT,          "rtux_",  0, SPAWN_REPLY)        \
    X(33, ALIAS_SEND,              "fa",     1, SEND_ALIAS)         \
    X(34, ALIAS_SEND_TT,           "fa_",    1, SEND_ALIAS)         \
    X(35, UNLINK_ID,               "ift",    0, UNLINK)             \
    X(36, UNLINK_ID_ACK,           "ift",    0, UNLINK_ACK)         \
    X(37, ALTACT_SIG_SEND,         "sfv",    1, SEND)
/* clang-format on */

#define NODE__CONTROL_OP_ENUM(number, name, shape, payload, kind) \
    OP_##name = (number),
enum control_op { NODE__CONTROL_OPS(NODE__CONTROL_OP_ENUM) OP_COUNT };
#undef NODE__CONTROL_OP_ENUM

/* Flags of ALTACT_SIG_SEND. Priority is for processes that have asked for it
 * (alias/1 with `priority`), and no process of ours can. */
enum altact {
    ALTACT_PRIORITY = 1,
    ALTACT_TOKEN = 2,
    ALTACT_ALIAS = 4,
    ALTACT_NAME = 8,
    ALTACT_EXIT = 16
};

#endif
