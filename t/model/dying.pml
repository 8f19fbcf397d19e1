/* dying.pml - the end of file, for who waits for any of several objects: the
   holders of an end are counted in one set of semaphores, and the bell that
   tells of a death is in another (lib/watch.c: watch_now; lib/wait.c: look;
   lib/channel-receive.c: channel_look; lib/channel.c: channel_drop;
   lib/member.c: seat_free; lib/leave.c: leave).

   What is modelled.  A process has the one seat of a tiny arena and the one
   writing end of a pipe whose semaphores are in another block than the home
   block.  It may close the end, may leave, may exit, and may be killed before
   every step; the kernel then undoes set by set, in either order.  Another
   wants the seat: it takes it when its bit in the home block is down, and in
   the other block, too; then it joins that block; it may be killed as well.  A
   watcher has looked once before.  It sees side and turn of its lane, in the
   home block, and marks; it reads how many ends were dropped, and the side; if
   that is another one than before, it looks whether anybody is dying, whose bit
   is up in that block and down in the home block, in two looks; then it looks
   whether a writer is left, unless it knows that since the last drop and the
   last death; and sleeps, but when somebody is dying not for long.  What is
   checked: in the end it does not sleep without a writer.

   -DCOMERS=n        who want the seat          -DKILLS=n
   -DLEAVES          the writer may call sysvmp_leave()

   Mutants (each must fail):
     -DNO_LOOK         the watcher does not look for the dying
     -DLOOK_LATE       it does so after its look for writers
     -DLOOK_EARLY      it does so before it reads the side
     -DNOW_EARLY       drops and side are read before it marks
     -DDROPS_EARLY     a drop is counted before it is done
     -DDROPS_LATE      it is counted after who watches was told
     -DUSED_ONLY       the dying are those whose seat is in use, not those
                       that have said that they end
     -DSEAT_REUSED     a seat is taken when its bit in the home block is down
     -DBITS_FIRST      who leaves lowers its bits, then drops its end
     -DHOME_FIRST      and of those the one in the home block first
     -DNO_BELL         no bell rings for the watchers                      */

#ifndef COMERS
#define COMERS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define PROCS (1 + COMERS)
#define WRITER 0

#define FREE 0
#define USED 1
#define LEAVING 2

/* The home block */
byte arena_lock = 1, home = 1, side = 0, turn = 0;
/* The other one */
byte block = 1, writers = 1;
/* In shared memory */
byte state = USED;
bool marked = 0;
byte drops = 0;

byte kills = KILLS;
byte doom[PROCS];
bool ended[PROCS];
/* Their adjustments */
bool in_home[PROCS], in_block[PROCS], writes[PROCS], locked[PROCS];
bool armed[PROCS];

bool asleep = 0;

inline fire() {
  if
  :: marked -> marked = 0; turn++
  :: else
  fi
}

inline drop() {
#ifdef DROPS_EARLY
  drops++;
#endif
  atomic { writers = writers - writes[p]; writes[p] = 0 };
#if !defined(DROPS_EARLY) && !defined(DROPS_LATE)
  drops++;
#endif
  fire()
#ifdef DROPS_LATE
  ; drops++
#endif
}

inline lower_bits() {
#ifdef HOME_FIRST
  atomic { home--; in_home[p] = 0 };
  atomic { block--; in_block[p] = 0 }
#else
  atomic { block--; in_block[p] = 0 };
  atomic { home--; in_home[p] = 0 }
#endif
}

proctype writer(byte p) {
  {
    atomic { in_home[p] = 1; in_block[p] = 1; writes[p] = 1; armed[p] = 1 };
    if
    :: drop()
    :: skip
    fi;
    if
#ifdef LEAVES
    :: atomic { arena_lock > 0 -> arena_lock--; locked[p] = 1 };
#if defined(BITS_FIRST) || defined(HOME_FIRST)
       lower_bits();
       drop();
#else
       drop();
       lower_bits();
#endif
       atomic { side++; armed[p] = 0 };
       atomic { arena_lock++; locked[p] = 0 }
#endif
    :: state = LEAVING
    :: skip
    fi;
    doom[p] > 0                         /* all die in the end */
  } unless { doom[p] > 0 };
  ended[p] = 1
}

proctype comer(byte p) {
  {
    atomic { arena_lock > 0 -> arena_lock--; locked[p] = 1 };
    if :: home > 0 -> goto no_seat :: else fi;
#ifndef SEAT_REUSED
    if :: state != FREE && block > 0 -> goto no_seat :: else fi;
#endif
    state = FREE;
    state = USED;
    atomic {
      home++; in_home[p] = 1; armed[p] = 1;
      arena_lock++; locked[p] = 0
    };
    atomic { block == 0 -> block++; in_block[p] = 1 };
    goto over;
no_seat:
    atomic { arena_lock++; locked[p] = 0 };
over:
    doom[p] > 0
  } unless { doom[p] > 0 };
  ended[p] = 1
}

inline undo_home() {
  atomic {
    home = home - in_home[p]; in_home[p] = 0;
    arena_lock = arena_lock + locked[p]; locked[p] = 0;
#ifndef NO_BELL
    side = side + armed[p];
#endif
    armed[p] = 0
  }
}

inline undo_block() {
  atomic {
    block = block - in_block[p]; in_block[p] = 0;
    writers = writers - writes[p]; writes[p] = 0
  }
}

/* exit_sem(): one set after the other */
proctype undo(byte p) {
  ended[p];
  if
  :: undo_home(); undo_block()
  :: undo_block(); undo_home()
  fi
}

inline look_for_dying() {
#ifdef NO_LOOK
  skip
#else
  up = block > 0;
#ifdef USED_ONLY
  unsure = up && home == 0 && state == USED;
#else
  unsure = up && home == 0;
#endif
  up = 0
#endif
}

/* watch_now() */
inline now() {
  now_drops = drops;
#ifdef LOOK_EARLY
  look_for_dying();
#endif
  now_side = side;
#if !defined(LOOK_EARLY) && !defined(LOOK_LATE)
  unsure = 0;
  if :: now_side != calm -> look_for_dying() :: else fi;
#endif
  if :: !unsure -> calm = now_side :: else fi
}

/* channel_look() */
inline look() {
  if
  :: !unsure && held_drops == now_drops && held_side == now_side
  :: else ->
     if :: writers == 0 -> goto leave :: else fi;
     if :: !unsure -> d_step { held_drops = now_drops; held_side = now_side } :: else fi
  fi;
#ifdef LOOK_LATE
  look_for_dying()
#endif
}

proctype watcher() {
  byte d, t, now_drops, now_side;
  byte calm = 255, held_drops = 255, held_side = 255;
  bool up = 0, unsure = 0;
  now();
  look();
  do
  :: d = side;
     t = turn;
#ifdef NOW_EARLY
     now();
#endif
     if :: !marked -> marked = 1 :: else fi;
#ifndef NOW_EARLY
     now();
#endif
     look();
     if
     :: unsure -> skip                  /* for 100 us */
     :: else ->
        asleep = 1;
        atomic { turn > t || side != d -> asleep = 0 }
     fi
  od;
leave: skip
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
     if
     :: doom[p] == 0 -> atomic { doom[p] = 1; kills-- }; run undo(p)
     :: else
     fi
  :: break
  od
}

init {
  byte p;
  atomic {
    run writer(WRITER);
    for (p : 1 .. (PROCS - 1)) { run comer(p) }
    run watcher();
    run killer();
    p = 0
  }
  timeout -> assert(!asleep || writers > 0)
}
