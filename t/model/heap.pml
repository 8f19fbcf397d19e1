/* heap.pml - who owns a block of the heap: allocated, appended to a list,
   taken from it, freed; and swept where a kill has left it.

   What is modelled.  A block has the words used, owner (a member, or LISTED)
   and tag (the list that it is meant for, or came from; 0 at first), and next.
   Allocations, frees and sweeps are under the heap lock; appends and takes
   under the list lock, with one store as commit, which list.pml shows to be
   whole (head and tail change in one step here).  A sweep has the heap lock,
   not the list lock, and does this with a used block of a dead owner: with no
   tag it is freed; else it reads head and tail of the valid state (and looks
   whether that is still the valid one: if not, the block is left for another
   sweep), then reads the owner again, and frees the block if that is the same
   and the block is neither head nor tail.  SIGKILL may come before every step;
   a lock of a dead process can be taken.  What is checked:
     - who frees, or allocates: nobody alive has the block, no list has it;
     - who takes a block from the list is the only one that has it;
     - in the end, after a sweep by a living process, a block is free or in the
       list; and with the list gone, one more sweep finds all of these.

   Sizes:
     -DBLOCKS=n -DSENDERS=n -DTAKERS=n -DKILLS=n
     -DROUNDS=n       blocks that sender 0 appends (the others: one)
     -DTAKES=n        blocks that a taker takes
     -DSWEEPS=n       sweeps while the others run
     -DLOCKS          a sweep takes the list lock, by a try, for its look at
                      head and tail, and hands these to the list
   Mutants (each must fail; those with a + are not in t/model/run):
     -DLISTED_EARLY   an appended block is LISTED before the commit
     -DOWNER_LATE     + a taken block is its taker's after the commit
     -DNO_FIX         an appender does not look at the old tail's owner
     -DFIX_LATE       + it does, but after its commit
     -DTAG_LATE       an appended block gets its tag after the commit
     -DTAG_OFF_EARLY  a block's tag is cleared before the heap lock is had
     -DNO_REREAD      a sweep does not read the owner again
     -DREREAD_FIRST   + it does, but before it looks at head and tail
     -DNO_LOOK        a sweep frees without a look at head and tail
     -DNO_TAIL        + a sweep looks at the head only
     -DNO_BIT         (with LOCKS) the sweeper has no alive bit where the lock
                      of the list judges death: it can be robbed of it      */

#ifndef BLOCKS
#define BLOCKS 3
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef TAKES
#define TAKES 1
#endif
#ifndef SWEEPS
#define SWEEPS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define SWEEPER (SENDERS + TAKERS)
#define PROCS (SWEEPER + 1)
#define NOBODY PROCS
#define LISTED PROCS
#define NONE BLOCKS

bool used[BLOCKS], tag[BLOCKS];
byte owner[BLOCKS];
byte next[BLOCKS];
byte heap_lock = NOBODY, list_lock = NOBODY;
byte head = NONE, tail = NONE;      /* the valid state */

bool dead[PROCS], ended[PROCS];
byte kills;                         /* that are to come */

bool in_list[BLOCKS];
byte holder[BLOCKS];                /* in whose hand it is */

#define HAD(lock) (lock != NOBODY && !dead[lock])
#ifdef NO_BIT
#define HAD_LIST (HAD(list_lock) && list_lock != SWEEPER)
#else
#define HAD_LIST HAD(list_lock)
#endif
#define OF_DEAD(b) (owner[b] != LISTED && dead[owner[b]])

inline drop(lock) {
  if :: lock == p -> lock = NOBODY :: else fi
}

/* The last store of a free, and of an alloc */
inline check_free(b) {
  assert(used[b] && !in_list[b]);
  assert(holder[b] == NOBODY || holder[b] == p || dead[holder[b]])
}

proctype sender(byte p; byte rounds) {
  byte b = NONE, old = NONE;
  {
    do
    :: rounds > 0 ->
       atomic {
         !HAD(heap_lock) -> b = 0;
         do
         :: b < BLOCKS && used[b] -> b++
         :: else -> break
         od;
         if
         :: b == BLOCKS -> goto no_room
         :: else ->
            assert(!in_list[b] && holder[b] == NOBODY);
            owner[b] = p; tag[b] = 0; used[b] = 1; holder[b] = p
         fi
       };
#ifndef TAG_LATE
       tag[b] = 1;
#endif
       atomic {
         !HAD_LIST -> list_lock = p; old = tail;
#if !defined(NO_FIX) && !defined(FIX_LATE)
         if
         :: old != NONE && owner[old] != LISTED -> owner[old] = LISTED
         :: else
         fi
#endif
       };
#ifdef LISTED_EARLY
       owner[b] = LISTED;
#endif
       d_step {
         if :: old != NONE -> next[old] = b :: else -> head = b fi;
         tail = b;
         in_list[b] = 1;
         holder[b] = NOBODY
       };
#ifdef FIX_LATE
       if :: old != NONE -> owner[old] = LISTED :: else fi;
#endif
#ifdef TAG_LATE
       tag[b] = 1;
#endif
       atomic {
         owner[b] = LISTED; drop(list_lock);
         rounds--; b = NONE; old = NONE
       }
    :: else -> break
    od;
no_room: skip
  } unless { dead[p] };
  atomic { ended[p] = 1; b = NONE; old = NONE; rounds = 0 }
}

proctype taker(byte p) {
  byte b = NONE, takes = TAKES;
  {
    do
    :: takes > 0 ->
       atomic {
         !HAD_LIST && head != NONE -> list_lock = p; b = head;
#ifndef OWNER_LATE
         tag[b] = 1; owner[b] = p
#endif
       };
       atomic {
         assert(used[b] && in_list[b] && holder[b] == NOBODY);
         in_list[b] = 0;
         holder[b] = p;
         if
         :: head == tail -> head = NONE; tail = NONE
         :: else -> head = next[b]; next[b] = NONE
         fi;
#ifndef OWNER_LATE
         drop(list_lock)
#endif
       };
#ifdef OWNER_LATE
       atomic { tag[b] = 1; owner[b] = p; drop(list_lock) };
#endif
#ifdef TAG_OFF_EARLY
       tag[b] = 0;
#endif
       atomic { !HAD(heap_lock) -> heap_lock = p; tag[b] = 0 };
       atomic {
         check_free(b);
         assert(owner[b] == p);
         used[b] = 0;
         holder[b] = NOBODY;
         heap_lock = NOBODY;
         b = NONE;
         takes--
       }
    :: else -> break
    od
  } unless { dead[p] };
  atomic { ended[p] = 1; b = NONE; takes = 0 }
}

#ifdef NO_TAIL
#define IS_END(b) (b == head)
#else
#define IS_END(b) (b == head || b == tail)
#endif
#define FREE_IT(b) \
  tag[b] = 0; \
  d_step { check_free(b); used[b] = 0; holder[b] = NOBODY }

inline sweep() {
  atomic { !HAD(heap_lock) -> heap_lock = p; b = 0 };
  do
  :: atomic { b < BLOCKS && !(used[b] && OF_DEAD(b)) -> b++ }
  :: atomic { b < BLOCKS && used[b] && OF_DEAD(b) -> o = owner[b] };
     if
     :: tag[b] == 0 -> FREE_IT(b)
     :: else ->
#if defined(NO_LOOK)
        FREE_IT(b)
#elif defined(LOCKS)
        if
        :: atomic { !HAD_LIST -> list_lock = p }
        :: atomic { !last && HAD_LIST -> goto next_block }
        fi;
#ifndef NO_REREAD
        if :: owner[b] == o :: else -> goto unlock fi;
#endif
        if
        :: IS_END(b) -> owner[b] = LISTED
        :: else -> FREE_IT(b)
        fi;
unlock: drop(list_lock)
#else
#ifdef REREAD_FIRST
        if :: owner[b] == o :: else -> goto next_block fi;
#endif
        if
        :: IS_END(b) -> goto next_block
        :: !IS_END(b)
        :: !last -> goto next_block             /* the state has changed */
        fi;
#if !defined(NO_REREAD) && !defined(REREAD_FIRST)
        if :: owner[b] == o :: else -> goto next_block fi;
#endif
        FREE_IT(b)
#endif
     fi;
next_block:
     atomic { b++; o = 0 }
  :: else -> break
  od;
  atomic { heap_lock = NOBODY; b = NONE }
}

proctype sweeper(byte p) {
  byte b = NONE, o = 0, sweeps = SWEEPS;
  bool last;
  {
    do
    :: sweeps > 0 -> sweep(); sweeps--
    :: else -> break
    od
  } unless { dead[p] };
  atomic { ended[p] = 1; b = NONE; o = 0; sweeps = 0 }
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     atomic {
       select (p : 0 .. (PROCS - 1));
       if
       :: !dead[p] && !ended[p] -> dead[p] = 1; kills--
       :: else
       fi;
       p = 0
     }
  od
}

init {
  byte b = 0, o, p;
  bool last = 1;
  atomic {
    select (kills : 0 .. KILLS);
    for (b : 0 .. (BLOCKS - 1)) {
      owner[b] = LISTED; next[b] = NONE; holder[b] = NOBODY
    }
    for (p : 0 .. (SENDERS - 1)) {
      run sender(p, (p == 0 -> ROUNDS : 1))
    }
    for (p : SENDERS .. (SWEEPER - 1)) {
      run taker(p)
    }
    run sweeper(SWEEPER);
    b = NONE; p = 0
  }
  run killer();
  timeout;
  atomic {
    /* A living process: one whose id nothing here has */
    p = PROCS + 1;
    heap_lock = NOBODY; list_lock = NOBODY;
    sweep();
    for (b : 0 .. (BLOCKS - 1)) {
      assert(used[b] == in_list[b]);
      assert(!used[b] || tag[b] == 1);
      assert(!used[b] || owner[b] == LISTED || dead[owner[b]])
    }
    /* And it is the list that head and next tell */
    b = head;
    do
    :: b != NONE -> assert(in_list[b]); in_list[b] = 0;
       if :: b == tail -> b = NONE :: else -> b = next[b] fi
    :: else -> break
    od;
    for (b : 0 .. (BLOCKS - 1)) {
      assert(!in_list[b])
    }
  }
}
