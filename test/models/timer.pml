/*
 * timer.pml -- starting, firing, cancelling: runtime/timers.c, wheel.c.
 *
 * The wheel has a lock, which who cancels from elsewhere does not take. The id
 * decides: cancel changes it to none, fire marks it, in one step each; the
 * other one sees that. A thread that fires holds `firing` from the mark until
 * its message is in the mailbox; cancel, if the id is not its own, waits for
 * `firing` to be free. The watchdog may fire the wheel of a stuck worker, so two
 * threads fire. A cancelled timer stays in its slot until the worker takes it
 * out, or until who fires does; then its memory is used again under another
 * number.
 *
 * Holds: fires at most once; after cancel has returned, its message was received
 * before, or never will be (G22, I8); a number that is over cancels nobody else;
 * memory that is used again is in no slot.
 *
 * bug: NO_AWAIT   cancel does not wait for who fires
 * bug: NO_NUMBER  cancel does not look whose timer it is by now
 * bug: NO_FIRING  two threads fire without `firing`
 * bug: NO_CLAIM   who fires does not mark the id
 * bug: NO_UNLINK  the worker frees a cancelled timer that is in its slot still
 */
#define FIRING 4

bool lock = false, firing = false;
bool linked = true; /* in a slot */
byte id = 1;        /* of the timer that has the memory; 0: nobody's */
bool gone = false;  /* on the list of those that were cancelled from elsewhere */
bool unused = false; /* on the free list */
byte sent[3];       /* messages of timers 1 and 2 */
bool cancelled = false, was_armed = false, second = false;

inline acquire(l)
{
    atomic { !l -> l = true }
}

proctype fires()
{
    byte mine = 0;

#ifndef NO_FIRING
    acquire(firing);
#endif
    acquire(lock);
    if
    :: linked && id != 2 ->
        linked = false;
#ifdef NO_CLAIM
        if
        :: id == 1 -> mine = 1
        :: else
        fi
#else
        atomic {
            if
            :: id == 1 -> id = 1 + FIRING; mine = 1
            :: else /* cancelled just now: it is whose thread did that */
            fi
        }
#endif
    :: else
    fi;
    lock = false;
    if
    :: mine != 0 ->
        assert(!(cancelled && was_armed));
        assert(!cancelled);
        sent[mine]++;
        id = 0;
        acquire(lock);
        unused = true;
        lock = false
    :: else
    fi;
#ifndef NO_FIRING
    firing = false
#endif
}

/* Another thread than the worker. */
proctype cancels()
{
    atomic {
        if
#ifdef NO_NUMBER
        :: id != 0 && id < FIRING ->
            assert(id == 1);
#else
        :: id == 1 ->
#endif
            id = 0;
            was_armed = true
        :: else
        fi
    }
    if
    :: was_armed -> gone = true
    :: else
#ifndef NO_AWAIT
        acquire(firing);
        firing = false
#endif
    fi;
    cancelled = true
}

/* The worker: takes out what was cancelled, then starts a timer of somebody
 * else's in the same memory. */
proctype starts()
{
    acquire(lock);
    if
    :: gone ->
        gone = false;
#ifndef NO_UNLINK
        linked = false;
#endif
        unused = true
    :: else
    fi;
    if
    :: unused ->
        unused = false;
        assert(!linked);
        id = 2;
        linked = true;
        second = true
    :: else
    fi;
    lock = false
}

init {
    atomic {
        run fires();
        run fires();
        run cancels();
        run starts()
    }
    timeout;
    assert(sent[1] <= 1);
    assert(was_armed || sent[1] == 1);
    assert(!(was_armed && sent[1] > 0));
    assert(!second || (linked && id == 2))
}
