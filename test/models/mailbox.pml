/*
 * mailbox.pml -- pushing against parking: runtime/mailbox.h.
 *
 * Two senders push two messages each; two workers run the process when it is
 * on the run queue. A push reads the inbox and exchanges it; parking exchanges
 * NULL for IDLE. The inbox is a stack, taken whole and turned round, so it is a
 * queue here.
 *
 * Holds: one worker at a time has the process; of each sender, in order; when
 * nothing can go on, all is received and the process is idle (G1, G10, I3).
 *
 * bug: NO_RECHECK    parking does not look whether a message has come
 * bug: WAKE_ALWAYS   every push puts the process on the run queue
 * bug: WAKE_BEFORE   the process is woken before the message is in
 * bug: LATE_IDLE     IDLE is written after the last look, in two steps
 */
#define SENDERS 2
#define EACH    2

chan inbox = [4] of { byte, byte };
bool idle = true;
byte runnable = 0, owners = 0, received = 0;
byte last[SENDERS];

proctype sender(byte me)
{
    byte i = 1;
    bool was_idle;

    do
    :: i <= EACH ->
#ifdef WAKE_BEFORE
        atomic {
            was_idle = idle;
            idle = false;
            if
            :: was_idle -> runnable++
            :: else
            fi
        }
        inbox ! me, i;
#else
        atomic { /* the exchange that succeeds; one that fails changes nothing */
            was_idle = idle;
            idle = false;
            inbox ! me, i
        }
#ifdef WAKE_ALWAYS
        runnable++;
#else
        if
        :: was_idle -> runnable++
        :: else
        fi;
#endif
#endif
        i++
    :: else -> break
    od
}

proctype worker()
{
    byte who, number;
    bool gone;

end:
    do
    :: atomic { runnable > 0 -> runnable--; owners++ };
        assert(owners == 1);
        gone = false;
        do
        :: gone -> break
        :: !gone && nempty(inbox) ->
            atomic {
                inbox ? who, number;
                assert(number == last[who] + 1);
                last[who] = number;
                received++
            }
        :: !gone && empty(inbox) ->
#if defined NO_RECHECK
            atomic { owners--; idle = true; gone = true }
#elif defined LATE_IDLE
            owners--;
            idle = true;
            gone = true
#else
            atomic {
                if
                :: empty(inbox) -> owners--; idle = true; gone = true
                :: nempty(inbox)
                fi
            }
#endif
        od
    od
}

init {
    atomic {
        run sender(0);
        run sender(1);
        run worker();
        run worker()
    }
    timeout;
    assert(received == SENDERS * EACH);
    assert(idle && runnable == 0)
}
