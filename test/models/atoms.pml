/*
 * atoms.pml -- the table of atoms: etf/atom_table.c.
 *
 * Two threads want the number of one text, another thread's text takes a place
 * meanwhile, and the table is replaced by a larger one at any time. Readers take
 * no lock: they look in whatever table is current, and when the text is not
 * there, again under the lock, where they add it. An entry is complete before
 * its slot is published.
 *
 * Holds: one number for one text; nobody reads half an entry.
 *
 * bug: NO_LOOK_AGAIN  a text is added without another look under the lock
 * bug: SLOT_FIRST     the slot is published before the entry is written
 * bug: GROW_OPEN      the table is replaced without the lock
 */
#define TEXTS 2

bool lock = false;
byte current = 0;             /* the table: 0 or 1 */
byte slot[4];                 /* table * TEXTS + text: number + 1, or 0 */
byte entry[5];                /* by number: text + 1; 0: not written yet */
byte count = 0;
byte got[3];

inline look(t, text, into)
{
    into = slot[t * TEXTS + text];
    if
    :: into > 0 -> assert(entry[into - 1] == text + 1)
    :: else
    fi
}

proctype interns(byte me, text)
{
    byte number = 0, table;

    table = current;
    look(table, text, number);
    if
    :: number > 0 -> got[me] = number; goto out
    :: else
    fi;
    atomic { !lock -> lock = true };
#ifndef NO_LOOK_AGAIN
    table = current;
    look(table, text, number);
#endif
    if
    :: number == 0 ->
        number = count + 1;
#ifdef SLOT_FIRST
        slot[current * TEXTS + text] = number;
        entry[count] = text + 1;
#else
        entry[count] = text + 1;
        slot[current * TEXTS + text] = number;
#endif
        count++
    :: else
    fi;
    lock = false;
    got[me] = number;
out:
    skip
}

proctype grows()
{
    byte i = 0;

#ifndef GROW_OPEN
    atomic { !lock -> lock = true };
#endif
    do
    :: i < TEXTS -> slot[TEXTS + i] = slot[i]; i++
    :: else -> break
    od;
    current = 1;
#ifndef GROW_OPEN
    lock = false
#endif
}

init {
    atomic {
        run interns(0, 0);
        run interns(1, 0);
        run interns(2, 1);
        run grows()
    }
    timeout;
    assert(got[0] == got[1] && got[0] != got[2]);
    assert(count == 2)
}
