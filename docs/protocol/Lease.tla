-------------------------------- MODULE Lease --------------------------------
(***************************************************************************)
(* The lease of package esalias in time: does the holder stop trusting it  *)
(* before anyone else may take it over?                                    *)
(*                                                                         *)
(* One holder that renews, one watcher that may take over.  Each has its   *)
(* own clock; every Tick moves the holder's clock by one of HolderStep and *)
(* the watcher's by one of WatcherStep, so the clocks never agree and run  *)
(* at rates that differ and wander within these bounds.  Requests and      *)
(* answers take any time.  A process that is paused takes no step while    *)
(* time goes on.                                                           *)
(*                                                                         *)
(* Only differences of times on one clock are kept, and a change of the    *)
(* record is kept as "what was read before is old now", so the state space *)
(* is finite without a bound on time or on the number of renewals.         *)
(*                                                                         *)
(* Whether a swap is safe does not hang on this: see Reindex.tla.          *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS
  Length,       \* the lease, in units
  Trust,        \* how long the holder trusts a renewal: two thirds of Length
  HolderStep,   \* what one Tick may add to the holder's clock
  WatcherStep,  \* what one Tick may add to the watcher's clock
  Skew,         \* what the watcher's clock may show ahead of the holder's (only for "own watch" off)
  Prompt,       \* 0, or: renewals are sent, applied and answered within this many units
  Off           \* safeguards left out: {} is the protocol
                \*   "send anchor"   trust counts from the answer's arrival
                \*   "own watch"     the watcher compares its clock with the time in the record
                \*   "read anchor"   the watch counts from the sending of the first read
                \*   "condition"     the take-over is written without if_seq_no
                \*   "steady clock"  the holder's clock may stand still (a sleeping machine)

VARIABLES
  age,      \* holder's clock since the send of its last good renewal
  lost,     \* the holder has given the lease up, for good
  ren,      \* a renewal under way: its state, whether its condition still holds, its age
  stamp,    \* watcher's clock since the time written in the record, for "own watch" off
  read,     \* a read of the watcher under way: state, whether it shows a
            \* change, whether what it shows still stands, its age
  same,     \* what the watcher saw last still stands
  watched,  \* watcher's clock since it learnt what it saw last
  take      \* the take-over: "no", "sent", "done"

vars == <<age, lost, ren, stamp, read, same, watched, take>>

On(guard) == guard \notin Off
Min(a, b) == IF a < b THEN a ELSE b
NoRen     == [s |-> "none", good |-> FALSE, age |-> 0]
NoRead    == [s |-> "none", new |-> FALSE, still |-> FALSE, age |-> 0]

Trusted   == ~lost /\ age < Trust

Init ==   \* the holder has just acquired; the watcher sees that now or later
  /\ age = 0 /\ lost = FALSE /\ ren = NoRen /\ stamp \in 0..Skew
  /\ read = NoRead /\ same \in BOOLEAN /\ watched = 0 /\ take = "no"

Due == Prompt # 0 /\ ~lost /\ age >= Prompt     \* time waits for a prompt holder

Tick ==
  /\ ~Due
  /\ \E h \in HolderStep \cup (IF On("steady clock") THEN {} ELSE {0}), w \in WatcherStep :
       /\ age' = Min(age + h, Trust)
       /\ ren' = [ren EXCEPT !.age = IF ren.s = "none" THEN 0 ELSE Min(@ + h, Trust)]
       /\ stamp' = IF On("own watch") THEN 0 ELSE Min(stamp + w, Length)
       /\ watched' = Min(watched + w, Length)
       /\ read' = [read EXCEPT !.age = IF read.s = "none" \/ On("read anchor") THEN 0
                                          ELSE Min(@ + w, Length)]
  /\ UNCHANGED <<lost, same, take>>

GiveUp ==            \* (*Lease).keep: nothing acknowledged for two thirds of the lease
  /\ ~lost /\ age >= Trust /\ lost' = TRUE
  /\ UNCHANGED <<age, ren, stamp, read, same, watched, take>>

\* At most one renewal is under way.  One that was never answered is not
\* forgotten by the cluster: it stays here until applied or refused, and the
\* next one waits for that (its condition would be the same).
SendRenewal ==       \* (*Lease).renewOnce
  /\ Trusted /\ ren.s = "none"
  /\ ren' = [s |-> "sent", good |-> take # "done", age |-> 0]
  /\ UNCHANGED <<age, lost, stamp, read, same, watched, take>>

ApplyRenewal ==      \* Elasticsearch: if_seq_no holds, and the record changes
  /\ ren.s = "sent"
  /\ IF ren.good
       THEN /\ ren' = [ren EXCEPT !.s = "applied"]
            /\ stamp' \in 0..Skew      \* the record carries a new time
            /\ same' = FALSE /\ read' = [read EXCEPT !.still = FALSE]
       ELSE ren' = NoRen /\ UNCHANGED <<stamp, same, read>>
  /\ UNCHANGED <<age, lost, watched, take>>

HearRenewal ==       \* (*Lease).renewed
  /\ ren.s = "applied" /\ ren' = NoRen
  /\ age' = IF lost THEN age ELSE IF On("send anchor") THEN Min(age, ren.age) ELSE 0
  /\ UNCHANGED <<lost, stamp, read, same, watched, take>>

LoseAnswer ==        \* the next conflict teaches the condition again, not trust
  /\ Prompt = 0 /\ ren.s = "applied" /\ ren' = NoRen
  /\ UNCHANGED <<age, lost, stamp, read, same, watched, take>>

SendRead ==          \* watch
  /\ take = "no" /\ read.s = "none"
  /\ read' = [s |-> "sent", new |-> FALSE, still |-> FALSE, age |-> 0]
  /\ UNCHANGED <<age, lost, ren, stamp, same, watched, take>>

ApplyRead ==         \* Elasticsearch: a realtime read of the record
  /\ read.s = "sent"
  /\ read' = [read EXCEPT !.s = "applied", !.new = ~same, !.still = TRUE]
  /\ UNCHANGED <<age, lost, ren, stamp, same, watched, take>>

HearRead ==          \* watch: any change starts the wait anew
  /\ take = "no" /\ read.s = "applied" /\ read' = NoRead
  /\ IF read.new
       THEN /\ watched' = IF On("read anchor") THEN 0 ELSE read.age
            /\ same' = read.still
       ELSE UNCHANGED <<watched, same>>
  /\ UNCHANGED <<age, lost, ren, stamp, take>>

Silent == IF On("own watch") THEN watched >= Length ELSE stamp >= Length

SendTake ==          \* (*Client).take
  /\ take = "no" /\ Silent /\ take' = "sent"
  /\ UNCHANGED <<age, lost, ren, stamp, read, same, watched>>

ApplyTake ==         \* Elasticsearch: if_seq_no is that of what was seen last
  /\ take = "sent"
  /\ IF same \/ ~On("condition")
       THEN take' = "done" /\ ren' = [ren EXCEPT !.good = FALSE]
       ELSE take' = "no" /\ ren' = ren
  /\ UNCHANGED <<age, lost, stamp, read, same, watched>>

Next == \/ Tick \/ GiveUp \/ SendRenewal \/ ApplyRenewal \/ HearRenewal \/ LoseAnswer
        \/ SendRead \/ ApplyRead \/ HearRead \/ SendTake \/ ApplyTake
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
OneTrusts  == take = "done" => ~Trusted      \* the holder has stopped before
NotTaken   == take # "done"                  \* a prompt holder keeps its lease
NeverTaken == take # "done"                  \* reachability: TLC must refute it
=============================================================================
