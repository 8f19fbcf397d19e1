/* seats.pml - who is dead?  Seats, generations and alive bits (lib/member.c:
   seat_free, take_seat, member_enter, member_raise, member_dead; lib/block.c:
   block_join; the takeover of lib/mutex-word.c).

   What is modelled.  A first process has the one seat of a tiny arena, joins
   the lock's block, takes the lock, may release it, and dies.  Others want the
   seat: under the arena lock, which the kernel gives back at a death, they
   retire it (its generation goes up while its bit in the home block is down)
   and claim it; then they join the lock's block, where the bit of a dying
   predecessor may still be up, and take the lock.  A judge, who has another
   seat, waits for the lock: it sets W, and takes the lock over if the owner is
   dead; else it sleeps at the gate, which is in the lock's block.  At a death
   the kernel undoes block after block, in either order.  What is checked:
     - nobody takes the lock from an owner that lives, nor two a seat;
     - the judge does not sleep for ever beside a dead owner.

   -DCOMERS=n  who want the seat          -DKILLS=n

   Mutants (each must fail):
     -DNO_GENERATION    the owner's id has no generation
     -DGENERATION_LATE  it is raised after the claim (as it would be in the home
                        block, where locks are, too)
     -DALIVE_FIRST      the alive bit is read before the word
     -DGENERATION_FIRST the generation is read before the alive bit
     -DALIVE_ELSEWHERE  the judge reads the bit in the home block, not the one
                        in the set of the gate
     -DADDS             who joins while the predecessor's bit is up adds to it */

#ifndef COMERS
#define COMERS 2
#endif
#ifndef KILLS
#define KILLS 2
#endif

#define JUDGE          255

byte generation = 1;            /* of the seat */
bool used = 0;                  /* the seat's state */
byte home = 0;                  /* holders of its bit in the home block: 0 or 1 */
byte block = 0;                 /* and in the lock's block */
byte arena_lock = 1;

byte word = 0;                  /* generation of the owner; JUDGE; 0: free */
bool w = 0;                     /* W */
byte g = 0;

byte kills = KILLS;
byte doom[COMERS];
bool ended[COMERS];
bool locked_arena[COMERS], in_home[COMERS], in_block[COMERS], armed[COMERS];
bool holds[COMERS];             /* runs, and has the lock */
bool seated[COMERS];            /* runs, and has the seat */
byte living_holders = 0, seat_holders = 0;
bool judge_sleeps = 0, judge_done = 0;

#ifdef NO_GENERATION
#define ID(x) 1
#else
#define ID(x) (x)
#endif

proctype comer(byte p) {
  byte me;
  bool ok;
  {
    skip;
    /* member_enter() */
    atomic { arena_lock > 0 -> arena_lock--; locked_arena[p] = 1 };
    if
    :: home > 0 -> goto no_seat
    :: else
    fi;
#ifndef GENERATION_LATE
    if
    :: used -> generation++; used = 0
    :: else
    fi;
#endif
    used = 1;
#ifdef GENERATION_LATE
    atomic { home++; in_home[p] = 1; seated[p] = 1; seat_holders++; assert(seat_holders == 1) };
    atomic { block == 0 -> block++; in_block[p] = 1; armed[p] = 1 };
    generation++;
    me = generation;
    atomic { arena_lock++; locked_arena[p] = 0 };
#else
    me = generation;
    atomic {                            /* one semop: the bit, and the arena lock back */
      home++; in_home[p] = 1; seated[p] = 1; seat_holders++; assert(seat_holders == 1);
      arena_lock++; locked_arena[p] = 0
    };
#endif
    /* block_join() */
#ifdef ADDS
    atomic { block++; in_block[p] = 1; armed[p] = 1; assert(block == 1) };
#elif !defined(GENERATION_LATE)
    atomic { block == 0 -> block++; in_block[p] = 1; armed[p] = 1 };
#endif
    /* acquire */
    atomic {
      if :: word == 0 -> word = ID(me); ok = 1; holds[p] = 1; living_holders++; assert(living_holders == 1)
         :: else -> ok = 0 fi
    };
    if :: !ok -> goto over :: else fi;
    if
    :: skip
    :: atomic {                         /* release */
         assert(word == ID(me));
         word = 0; ok = w; w = 0; holds[p] = 0; living_holders--
       };
       if :: ok -> atomic { if :: g == 0 -> g = 1 :: else fi } :: else fi
    fi;
    goto over;
no_seat:
    atomic { arena_lock++; locked_arena[p] = 0 };
over: skip;
    doom[p] > 0                         /* all die in the end */
  } unless { doom[p] > 0 };
  atomic {
    if :: holds[p] -> holds[p] = 0; living_holders-- :: else fi;
    if :: seated[p] -> seated[p] = 0; seat_holders-- :: else fi;
    me = 0; ok = 0; ended[p] = 1
  }
}

/* exit_sem(): one set after the other */
proctype undo(byte p) {
  ended[p];
  if
  :: atomic {
       home = home - in_home[p]; in_home[p] = 0;
       arena_lock = arena_lock + locked_arena[p]; locked_arena[p] = 0
     };
     atomic { block = block - in_block[p]; g = g + armed[p]; in_block[p] = 0; armed[p] = 0 }
  :: atomic { block = block - in_block[p]; g = g + armed[p]; in_block[p] = 0; armed[p] = 0 };
     atomic {
       home = home - in_home[p]; in_home[p] = 0;
       arena_lock = arena_lock + locked_arena[p]; locked_arena[p] = 0
     }
  fi
}

proctype judge() {
  byte v, now;
  bool bit_up, ok, dead;
look:
#ifdef ALIVE_FIRST
  bit_up = block > 0;
#endif
  v = word;
  if
  :: v == 0 ->
     atomic {
       if :: word == 0 -> word = JUDGE; ok = 1; assert(living_holders == 0) :: else -> ok = 0 fi
     };
     if :: ok -> goto done :: else -> goto look fi
  :: else
  fi;
  atomic { if :: word == v -> w = 1; ok = 1 :: else -> ok = 0 fi };
  if :: !ok -> goto look :: else fi;
  /* member_dead() */
#ifdef GENERATION_FIRST
  now = generation;
#endif
#ifdef ALIVE_ELSEWHERE
  bit_up = home > 0;
#else
#ifndef ALIVE_FIRST
  bit_up = block > 0;
#endif
#endif
#ifndef GENERATION_FIRST
  now = generation;
#endif
  dead = !bit_up || ID(now) != v;
  if
  :: dead ->
     atomic {
       if
       :: word == v -> word = JUDGE; ok = 1; assert(living_holders == 0)
       :: else -> ok = 0
       fi
     };
     if :: ok -> goto done :: else -> goto look fi
  :: else
  fi;
  atomic { judge_sleeps = 1; v = 0; now = 0; bit_up = 0; ok = 0; dead = 0 };
  atomic { g > 0 -> g--; judge_sleeps = 0 };
  goto look;
done: judge_done = 1
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (COMERS - 1));
     if
     :: doom[p] == 0 -> atomic { doom[p] = 1; kills-- }; run undo(p)
     :: else
     fi
  :: break
  od
}

init {
  byte p = 0;
  atomic {
    do :: p < COMERS -> run comer(p); p++ :: else -> break od;
    run judge();
    run killer();
    p = 0
  }
  /* The judge may sleep while a living process has the lock, and only then */
  timeout -> assert(!judge_sleeps || living_holders > 0)
}
