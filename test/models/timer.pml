/*
 * timer.pml -- starting, firing, cancelling: runtime/timers.c, owned_timers.c.
 *
 * The wheel has a lock; a thread that fires holds `firing` from taking the timer
 * off the wheel until its message is in the mailbox. Cancel takes it off under
 * the lock, or finds it gone and waits for `firing` to be free. The watchdog may
 * fire the wheel of a stuck worker, so two threads fire. The timer's memory is
 * used again under another number.
 *
 * Holds: fires at most once; after cancel has returned, its message was received
 * before, or never will be (G22, I8); a number that is over cancels nobody else.
 *
 * bug: NO_AWAIT   cancel does not wait for who fires
 * bug: NO_NUMBER  cancel does not look whose timer it is by now
 * bug: NO_FIRING  two threads fire without `firing`
 */
bool lock = false, firing = false;
bool armed = true; /* on the wheel */
byte number = 1;   /* of the timer that has the memory; 0: free */
byte sent[3];      /* messages of timers 1 and 2 */
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
    :: armed && number == 1 -> armed = false; mine = 1
    :: else
    fi;
    lock = false;
    if
    :: mine != 0 ->
        acquire(lock);
        number = 0; /* released: somebody may use it */
        lock = false;
        assert(!(cancelled && was_armed));
        assert(!cancelled);
        sent[mine]++
    :: else
    fi;
#ifndef NO_FIRING
    firing = false
#endif
}

proctype cancels()
{
    acquire(lock);
    if
#ifdef NO_NUMBER
    :: armed ->
        assert(number == 1);
#else
    :: armed && number == 1 ->
#endif
        armed = false;
        number = 0;
        was_armed = true
    :: else
    fi;
    lock = false;
#ifndef NO_AWAIT
    if
    :: !was_armed ->
        acquire(firing);
        firing = false
    :: else
    fi;
#endif
    cancelled = true
}

/* Somebody else's, in the same memory. */
proctype starts()
{
    acquire(lock);
    if
    :: number == 0 -> number = 2; armed = true; second = true
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
    assert(!second || (armed && number == 2))
}
