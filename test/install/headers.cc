/* Every public header from C++17, twice: once alone is checked by the others. */
#include <agner/etf.h>
#include <agner/gen.h>
#include <agner/gen_application.h>
#include <agner/gen_event.h>
#include <agner/gen_proc.h>
#include <agner/gen_supervisor.h>
#include <agner/gen_task.h>
#include <agner/node.h>
#include <agner/rt.h>
#include <agner/rt_log.h>

#include <agner/etf.h>

int main()
{
    etf_term t = etf_nil();

    return etf_kind(t) == ETF_KIND_NIL ? 0 : 1;
}
