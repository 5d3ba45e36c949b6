/*
 * actors_ops.c -- the language of the actors: the table of its operations.
 *
 * A new operation is a row and a function in actors_op_*.c. The first number of
 * an operation that is about somebody else is an actor's.
 */
#include "actors_message.h"
#include "actors_op.h"

#define WHO ACTORS_MAX

/* clang-format off */
const struct op_row actors_ops[] = {
    /* word          local cluster pressure  bounds                  */
    { "send",        { 14, 16, 10 }, { WHO, 1, 64 },                op_send },
    { "send_name",   {  4,  3,  1 }, { WHO, NAMES_MAX, 64 },        op_send_name },
    { "send_alias",  {  5,  5,  1 }, { WHO, 1, 64 },                op_send_alias },
    { "send_large",  {  1,  2,  3 }, { WHO, 1, 300 },               op_send_large },
    { "flood",       {  1,  1,  6 }, { WHO, 60, 40 },               op_flood },
    { "cast",        {  5,  5,  3 }, { WHO, 1, 64 },                op_cast },
    { "call",        { 10, 10,  8 }, { WHO, CALL_MS, CALL_HOWS },   op_call },
    { "requests",    {  3,  3,  2 }, { WHO, CALL_MS, 5, 3 },        op_requests },
    { "receive",     {  4,  4,  6 }, { 500, 4 },                    op_receive },
    { "select",      {  4,  4,  4 }, { WHO, 500 },                  op_select },
    { "spawn",       {  8,  8,  5 }, { WHO, 4 },                    op_spawn },
    { "exit",        {  2,  2,  1 }, { 3 },                         op_exit },
    { "exit_other",  {  3,  3,  2 }, { WHO },                       op_exit_other },
    { "kill",        {  4,  4,  1 }, { WHO },                       op_kill },
    { "trap",        {  1,  1,  0 }, { 2 },                         op_trap },
    { "link",        {  8, 10,  1 }, { WHO },                       op_link },
    { "unlink",      {  6,  5,  1 }, { WHO, 2 },                    op_unlink },
    { "monitor",     {  7,  7,  2 }, { WHO, 2 },                    op_monitor },
    { "demonitor",   {  3,  3,  1 }, { WATCHES, 2 },                op_demonitor },
    { "register",    {  3,  2,  1 }, { NAMES_MAX },                 op_register },
    { "unregister",  {  1,  1,  0 }, { NAMES_MAX },                 op_unregister },
    { "alias",       {  2,  2,  1 }, { 2 },                         op_alias },
    { "unalias",     {  2,  1,  0 }, { 1 },                         op_unalias },
    { "timer",       {  6,  4,  2 }, { 3000 },                      op_timer },
    { "cancel",      {  4,  3,  1 }, { TIMERS },                    op_cancel },
    { "sleep",       {  5,  5,  6 }, { 700 },                       op_sleep },
    { "crash_child", {  6,  1,  1 }, { TREES_MAX, BRANCHES, 3 },    op_crash_child },
    { "stop_child",  {  2,  1,  0 }, { TREES_MAX, BRANCHES },       op_stop_child },
    { "restart_child", { 2,  1,  0 }, { TREES_MAX, BRANCHES },     op_restart_child },
    { "start_app",   {  3,  1,  0 }, { APPS_MAX },                  op_start_app },
    { "stop_app",    {  2,  1,  0 }, { APPS_MAX },                  op_stop_app },
    { "register_global",   { 0, 2, 0 }, { NAMES_MAX, 2 },            op_register_global },
    { "unregister_global", { 0, 1, 0 }, { NAMES_MAX },               op_unregister_global },
    { "send_global",       { 0, 2, 0 }, { NAMES_MAX, 64 },           op_send_global },
    { "join",        {  2,  3,  0 }, { GROUPS_MAX },                op_join },
    { "leave",       {  1,  1,  0 }, { GROUPS_MAX },                op_leave },
    { "publish",     {  2,  3,  0 }, { GROUPS_MAX, 64 },            op_publish },
    { "connect",     {  0,  3,  0 }, { NODES_MAX },                 op_connect },
    { "disconnect",  {  0,  5,  0 }, { NODES_MAX },                 op_disconnect },
    { "hear_nodes",  {  0,  4,  0 }, { 4 },                         op_hear_nodes },
};
/* clang-format on */

const unsigned actors_op_count = sizeof actors_ops / sizeof actors_ops[0];
