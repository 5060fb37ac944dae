------------------------------- MODULE Reindex -------------------------------
(***************************************************************************)
(* How a run of reindex claims the right to move the alias, builds its     *)
(* index, swaps and clears up, as package esalias does it.  README.md      *)
(* beside this file tells the protocol in words, with the exact requests.  *)
(*                                                                         *)
(* The lock index carries exactly one alias, the fence, whose name holds   *)
(* state, token and run id and is used once:                               *)
(*   persons.claim-N-x   run x with token N may swap                       *)
(*   persons.done-N-x    it has swapped, or gave the right up              *)
(* Claim, swap, seal and retire are one update-aliases request each, all   *)
(* or nothing, whose first action removes a fence by name (must_exist).    *)
(*                                                                         *)
(* The environment is as hostile as TLC can make it: a request may be      *)
(* executed at any later moment, those of the types in Dup any number of   *)
(* times; answers may never come; a crash or pause is a run that takes no  *)
(* step; the lock may be judged expired at any moment (Acquire has no      *)
(* guard at all), so no property here rests on the lock document.          *)
(***************************************************************************)
EXTENDS Integers, Sequences, FiniteSets, TLC

CONSTANTS
  Runs,      \* the runs; each takes one token at a time
  MaxToken,  \* no token above this one
  Kinds,     \* subset of {"build", "rollback", "prune", "unlock"}
  Parts,     \* bulk requests a build needs: 1 or 2
  Seeded,    \* start with persons-1 kept and persons-2 live, else with nothing
  Detail,    \* told request by request instead of in one step, subset of
             \*   {"boot", "document", "bulk", "catchup"}
  Dup,       \* request types that may be executed more than once per send
  Hostile,   \* subset of {"stale", "droplock", "dropdoc", "squat", "template",
             \*   "edit"}
             \*   stale: reads of aliases and indices may show an old state
             \*   edit: a person changes filter or routing of the live alias
             \*   others: what a stranger does to the cluster, see Foreign
  Off,       \* safeguards left out: {} is the protocol, see README.md
  Trim       \* forget requests whose condition is false for ever (larger
             \* bounds; sound while NeverBack holds, checked in the same run)

VARIABLES
  lock, doc, fence,                    \* lock index, its document, its aliases
  idx, live, soft, marks, writers,     \* data indices and their aliases
  squat, tmpl,                         \* what strangers left behind
  ed,                                  \* what the live alias is besides its name
  net, resp,                           \* requests under way, answers given
  pc, tok, kind, tgt, born,            \* the runs
  log, was, claimed, lastClaim, maxClaim, maxTok, era, burned, bad   \* history

lockIndex == <<lock, doc, fence>>
data      == <<idx, live, soft, marks, writers>>
strangers == <<squat, tmpl, ed>>
client    == <<pc, tok, kind, tgt, born>>
history   == <<log, was, claimed, lastClaim, maxClaim, maxTok, era, burned, bad>>
vars      == <<lockIndex, data, strangers, net, resp, client, history>>

On(guard)    == guard \notin Off
Index        == 1..MaxToken
Max(S)       == CHOOSE x \in S : \A y \in S : y <= x
None         == "none"
NoDoc        == [n |-> 0, h |-> None, q |-> 0]
Erased       == Hostile \cap {"droplock", "dropdoc"} # {}
MaxSeq       == IF Erased THEN 3 ELSE 3 * Cardinality(Runs)  \* writes of one document
Owner(r)     == IF On("run id") THEN r ELSE "x"
Fence(s, r)  == IF On("fence name") THEN [s |-> s, n |-> tok[r], o |-> Owner(r)]
                                    ELSE [s |-> s, n |-> 0, o |-> "x"]
Claim(r)     == Fence("claim", r)
Done(r)      == Fence("done", r)
Boot(e)      == [s |-> "done", n |-> 0, o |-> IF On("run id") THEN <<"boot", e>> ELSE "x"]
Writer(i, r) == <<i, Owner(r)>>              \* persons.w-N-x on persons-N
Mark(i, r)   == <<i, tok[r], Owner(r)>>      \* persons.swap-N-x on persons-i
Marked(i)    == \E m \in marks : m[1] = i
Edits        == "edit" \in Hostile
Filter       == IF Seeded THEN 1 ELSE 0      \* what a person had set before

Init ==
  /\ net = IF Seeded THEN {[t |-> "create", r |-> None, i |-> 1]}   \* a late duplicate
                     ELSE {}
  /\ resp = {} /\ bad = {} /\ burned = {} /\ squat = FALSE /\ tmpl = FALSE
  /\ ed = [f |-> Filter,                       \* filter and routing now
            c |-> [i \in Index |-> 1],          \* aliases_version of each index
            n |-> 0, past |-> {},               \* edits; what old reads may show
            saw |-> [r \in Runs |-> [i |-> 0, c |-> 0]],   \* by its last request
            loss |-> {}, told |-> {}, done |-> {}]         \* <<run, request>>
  /\ soft = {} /\ writers = {} /\ lastClaim = None /\ claimed = {} /\ era = 0
  /\ born = [r \in Runs |-> 0]
  /\ pc = [r \in Runs |-> "idle"] /\ tok = [r \in Runs |-> 0]
  /\ kind = [r \in Runs |-> "none"] /\ tgt = [r \in Runs |-> 0]
  /\ lock = IF "boot" \in Detail THEN "absent" ELSE "real"
  /\ IF Seeded
       THEN /\ doc = [n |-> 2, h |-> None, q |-> 1]
            /\ fence = {[s |-> "done", n |-> 2, o |-> "s"]}
            /\ idx = [i \in Index |-> IF i <= 2 THEN "complete" ELSE "absent"]
            /\ live = {2} /\ was = {1, 2} /\ marks = {<<1, 1, "s">>, <<2, 2, "s">>}
            /\ log = <<[r |-> None, n |-> 2, k |-> "build"]>> /\ maxClaim = 2 /\ maxTok = 2
       ELSE /\ doc = NoDoc
            /\ fence = IF "boot" \in Detail THEN {} ELSE {Boot(0)}
            /\ idx = [i \in Index |-> "absent"]
            /\ live = {} /\ was = {} /\ marks = {}
            /\ log = <<>> /\ maxClaim = 0 /\ maxTok = 0

-----------------------------------------------------------------------------
(* Requests.  With Trim one is dropped once its condition is spent.         *)

Alive(m, b) ==
  \/ ~Trim
  \/ CASE m.t \in {"claim", "swap", "seal", "prune"} -> m.from \notin b
       [] m.t = "lock" -> m.q >= doc.q \/ Erased
       [] OTHER -> TRUE
Put(m)      == IF Alive(m, burned) THEN net \cup {m} ELSE net
Go(r, p)    == pc' = [pc EXCEPT ![r] = p]
Ok(r, t)    == <<r, t, "ok">> \in resp

-----------------------------------------------------------------------------
(* The runs                                                                 *)

Think == UNCHANGED <<lockIndex, data, strangers, history, resp, born>>
Quiet == UNCHANGED <<lockIndex, data, squat, tmpl, history, resp, born>>  \* all but ed

SendBoot(r) ==            \* bootstrap
  /\ "boot" \in Detail /\ pc[r] = "idle" /\ lock = "absent"
  /\ Boot(<<r, era>>) \notin burned      \* a new random part for every send
  /\ net' = net \cup {[t |-> "boot", r |-> r, to |-> Boot(<<r, era>>)]}
  /\ Think /\ UNCHANGED <<pc, tok, kind, tgt>>

\* The next token is above the document's, the fence's, every index number
\* and every mark, so that it does not go back when strangers delete the
\* document or the whole lock index.
FenceTok  == {f.n : f \in fence}
IndexTerm == IF On("index term") THEN {i \in Index : idx[i] # "absent"} ELSE {}
MarkTerm  == IF On("mark term") THEN {m[2] : m \in marks} ELSE {}
Floors    == {Max({doc.n} \cup FenceTok \cup IndexTerm \cup MarkTerm)}
             \cup (IF "stale" \in Hostile THEN {Max({doc.n} \cup FenceTok)} ELSE {})

Issue(n) ==               \* history: token n is given out
  /\ maxTok' = Max({maxTok, n})
  /\ bad' = bad \cup (IF n <= maxTok THEN {"token went back"} ELSE {})
                \cup (IF \E j \in 1..Len(log) : log[j].n >= n THEN {"token not above a swap"} ELSE {})
                \cup (IF \E i \in n..MaxToken : idx[i] # "absent" THEN {"token not above an index"} ELSE {})

Acquire(r) ==             \* readFence, nextToken, (*Client).Acquire, Unlock: in one step
  /\ "document" \notin Detail /\ pc[r] = "idle" /\ fence # {}
  /\ \E f \in Floors :
       /\ f < MaxToken
       /\ tok' = [tok EXCEPT ![r] = f + 1]
       /\ doc' = [n |-> f + 1, h |-> None, q |-> 1] /\ Issue(f + 1)
  /\ \E k \in Kinds : kind' = [kind EXCEPT ![r] = k]
  /\ born' = [born EXCEPT ![r] = era] /\ Go(r, "claim")
  /\ UNCHANGED <<lock, fence, data, strangers, net, resp, tgt,
                 log, was, claimed, lastClaim, maxClaim, era, burned>>

SendLock(r) ==            \* readFence, nextToken, (*Client).Acquire, Unlock: the request
  /\ "document" \in Detail /\ pc[r] = "idle" /\ fence # {}
  /\ \E f \in Floors :
       /\ f < MaxToken
       /\ tok' = [tok EXCEPT ![r] = f + 1]
       /\ net' = net \cup {[t |-> "lock", r |-> r, n |-> f + 1, q |-> doc.q]}
  /\ \E k \in Kinds : kind' = [kind EXCEPT ![r] = k]
  /\ born' = [born EXCEPT ![r] = era] /\ Go(r, "locking")
  /\ UNCHANGED <<lockIndex, data, strangers, resp, tgt, history>>

LearnLock(r) ==           \* takeRecord: answered, or read back as mine
  /\ pc[r] = "locking"
  /\ \/ <<r, "lock", ToString(tok[r])>> \in resp /\ Go(r, "claim")
     \/ doc.h = r /\ doc.n = tok[r] /\ Go(r, "claim")
     \/ Go(r, IF Erased THEN "lost" ELSE "idle")   \* only to bound the state space
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

Renew(r) ==               \* (*Lease).renew; a lost lease only stops the run early
  /\ "document" \in Detail /\ pc[r] \in {"load1", "swap"}
  /\ IF doc.h = r /\ doc.n = tok[r]
       THEN doc.q < MaxSeq /\ doc' = [doc EXCEPT !.q = @ + 1] /\ pc' = pc
       ELSE doc' = doc /\ Go(r, "lost")
  /\ UNCHANGED <<lock, fence, data, strangers, net, resp, tok, kind, tgt, born, history>>

SendClaim(r) ==           \* (*Lease).claim: read the fence, then replace it
  /\ pc[r] = "claim"
  /\ \E f \in fence :
       IF f = Claim(r) /\ On("fence name")   \* my earlier request took effect
         THEN Go(r, "claimed") /\ net' = net
       ELSE IF (f.n >= tok[r] /\ On("token order")) \/ (born[r] # era /\ On("uuid rule"))
         THEN Go(r, "lost") /\ net' = net
       ELSE /\ Go(r, "claiming")
            /\ net' = Put([t |-> "claim", r |-> r, n |-> tok[r], from |-> f, to |-> Claim(r)])
  /\ Think /\ UNCHANGED <<tok, kind, tgt>>

LearnClaim(r) ==          \* (*Lease).claim: refused or no answer means read again
  /\ pc[r] = "claiming"
  /\ \/ Ok(r, "claim") /\ Go(r, "claimed")
     \/ Go(r, "claim")
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

Plan(r) ==                \* (*Lease).Create, Rollback, Retire, (*Client).Unlock
  /\ pc[r] = "claimed"
  /\ \/ /\ kind[r] = "build"
        /\ tgt' = [tgt EXCEPT ![r] = tok[r]]
        /\ net' = net \cup {[t |-> "create", r |-> r, i |-> tok[r]]}
        /\ Go(r, "creating")
     \/ /\ kind[r] = "rollback" /\ net' = net
        /\ LET old == IF "stale" \in Hostile THEN was ELSE {j \in Index : Marked(j)} \ live
           IN IF old = {} THEN Go(r, "seal") /\ tgt' = tgt
              ELSE (\E i \in old : tgt' = [tgt EXCEPT ![r] = i]) /\ Go(r, "swap")
     \/ kind[r] = "prune" /\ Go(r, "prune") /\ UNCHANGED <<net, tgt>>
     \/ kind[r] = "unlock" /\ Go(r, "seal") /\ UNCHANGED <<net, tgt>>
  /\ Think /\ UNCHANGED <<tok, kind>>

\* Sent once.  Only a 200, or its writer alias seen on the index, makes the
\* index this run's own: without either the run gives the token up and leaves
\* whatever stands there alone.
LearnCreate(r) ==         \* (*Lease).Create, createOnce
  /\ pc[r] = "creating"
  /\ \/ Ok(r, "create") /\ Go(r, "readback")
     \/ Go(r, "seal")
     \/ (Writer(tgt[r], r) \in writers \/ ~On("own index")) /\ Go(r, "discard")
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

\* A template may have added persons.  Index and aliases are made in one
\* cluster state, so a reader that shows the index shows them too.
ReadBack(r) ==            \* readBack
  /\ pc[r] = "readback"
  /\ Go(r, IF tgt[r] \in live /\ On("read back") THEN "discard" ELSE "load1")
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

Fill(s, p) == CASE s = "empty" -> IF Parts = 1 THEN "complete" ELSE IF p = 1 THEN "a" ELSE "b"
                [] s = "a" /\ p = 2 -> "complete"
                [] s = "b" /\ p = 1 -> "complete"
                [] OTHER -> s

Loading(p) == IF p = 1 THEN "load1" ELSE "load2"
Asking(p)  == IF p = 1 THEN "bulk1" ELSE "bulk2"
After(p)   == IF p = Parts THEN "verify" ELSE "load2"

Load(r, p) ==             \* Load, in one step
  /\ "bulk" \notin Detail /\ pc[r] = Loading(p)
  /\ IF Writer(tgt[r], r) \in writers
       THEN idx' = [idx EXCEPT ![tgt[r]] = Fill(@, p)] /\ Go(r, After(p))
       ELSE idx' = idx /\ Go(r, "discard")
  /\ UNCHANGED <<lockIndex, live, soft, marks, writers, strangers, net, resp,
                 tok, kind, tgt, born, history>>

SendBulk(r, p) ==         \* Load: one bulk request through the writer alias
  /\ "bulk" \in Detail /\ pc[r] = Loading(p)
  /\ net' = net \cup {[t |-> Asking(p), r |-> r, i |-> tgt[r], p |-> p]}
  /\ Go(r, Asking(p))
  /\ Think /\ UNCHANGED <<tok, kind, tgt>>

LearnBulk(r, p) ==        \* Load: acknowledged, sent again, or given up
  /\ pc[r] = Asking(p)
  /\ \/ Ok(r, Asking(p)) /\ Go(r, After(p))
     \/ "bulk1" \notin Dup /\ Go(r, Loading(p))    \* else the same request is there anyway
     \/ Go(r, "discard")
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

Verify(r) ==              \* pipeline: counts and sample, before (*Lease).Swap
  /\ pc[r] = "verify"
  /\ Go(r, IF idx[tgt[r]] = "complete" \/ ~On("verify") THEN "swap" ELSE "discard")
  /\ Think /\ UNCHANGED <<net, tok, kind, tgt>>

\* What a run may see as the indices behind persons.
Views == IF "stale" \in Hostile THEN {live, {}} \cup {{x} : x \in was} ELSE {live}

\* One look: the indices behind persons, what the alias is there, and how often
\* the aliases of that index have been changed.
Count(v) == IF v = {} THEN 0 ELSE ed.c[CHOOSE i \in v : TRUE]
Now      == [v |-> live, f |-> IF live = {} THEN 0 ELSE ed.f, c |-> Count(live)]
Looks    == IF Edits THEN {Now} \cup (IF "stale" \in Hostile THEN ed.past ELSE {})
            ELSE {[v |-> v, f |-> IF v = {} THEN 0 ELSE ed.f, c |-> 0] : v \in Views}
\* The count is read first (lookLive), so it may be older than the rest.
Counts(l) == IF ~Edits THEN {0}
             ELSE {k \in {p.c : p \in {q \in ed.past \cup {Now} : q.v = l.v}} :
                     IF On("count first") THEN k <= l.c ELSE k >= l.c}
Carry(l)  == IF On("carry") THEN l.f ELSE 0
\* What the request may have seen that takes effect in the end: of several the
\* oldest count, and -1, not known, if they saw different indices.
Older(a, b) == CASE a.i = 0   -> b                           \* (sighting).oldest
                 [] a.i = b.i -> [i |-> a.i, c |-> IF a.c < b.c THEN a.c ELSE b.c]
                 [] OTHER     -> [i |-> b.i, c |-> -1]
Saw(r, v, k) == ed' = IF Edits /\ v # {}
                        THEN [ed EXCEPT !.saw[r] = Older(@, [i |-> CHOOSE i \in v : TRUE, c |-> k])]
                        ELSE ed

SendSwap(r) ==            \* (*Lease).Swap, (*Lease).Rollback
  /\ pc[r] = "swap"
  /\ \E l \in Looks : \E k \in Counts(l) :
       \* Persons on two indices, or, for a rollback, on none: a person must look.
       \* Where an old read hides that the target itself is live, the request would
       \* not be refused, and make the alias a plain one.
       IF Cardinality(l.v) > 1 \/ (kind[r] = "rollback" /\ l.v = {} /\ On("rollback from live"))
         THEN Go(r, "seal") /\ net' = net /\ ed' = ed
         ELSE /\ net' = Put([t |-> "swap", r |-> r, n |-> tok[r], i |-> tgt[r], seen |-> l.v,
                             f |-> Carry(l), from |-> Claim(r), to |-> Done(r)])
              /\ Go(r, "swapping") /\ Saw(r, l.v, k)
  /\ Quiet /\ UNCHANGED <<tok, kind, tgt>>

\* The look back: the count of the index that the alias was taken off, which the
\* swap itself raises by one and a deletion by none.  An answer that still shows
\* the state before the request proves nothing, and is told as well.
Own(t)    == IF t = "swap" THEN 1 ELSE 0
Told(r, t) ==
  LET i == ed.saw[r].i
      n == ed.saw[r].c + Own(t)
  IN IF ed.saw[r].c < 0 THEN {TRUE} ELSE
     {idx[i] = "absent" \/ ed.c[i] # n}
     \cup (IF "stale" \in Hostile /\ On("look back") THEN {TRUE} ELSE {})
     \cup (IF "stale" \in Hostile /\ ~On("look back")
             THEN {p.c # n : p \in {q \in ed.past : q.v = {i}}} ELSE {})
Tell(r, t) ==             \* editedMeanwhile
  IF Edits /\ ed.saw[r].i # 0
    THEN \E x \in Told(r, t) :
           ed' = [ed EXCEPT !.done = @ \cup {<<r, t>>},
                            !.told = IF x THEN @ \cup {<<r, t>>} ELSE @]
    ELSE ed' = ed

Swapped(r) == IF On("mark answer") THEN Mark(tgt[r], r) \in marks ELSE tgt[r] \in live

LearnSwap(r) ==           \* (*Lease).swap, lookOutcome: 200 or my mark is yes; else resend or seal
  /\ pc[r] = "swapping"
  /\ \/ (Ok(r, "swap") \/ Swapped(r)) /\ Go(r, "yes") /\ Tell(r, "swap")
     \/ Go(r, "swap") /\ ed' = ed
     \/ Go(r, "seal") /\ ed' = ed
     \/ kind[r] = "build" /\ Go(r, "discard") /\ ed' = ed
  /\ Quiet /\ UNCHANGED <<net, tok, kind, tgt>>

\* Give up.  "discard" also removes the index this run created: as long as
\* the claim stands, nobody can have made that index live.
SendSeal(r) ==            \* (*Lease).seal, (*Lease).Abandon
  /\ pc[r] \in {"seal", "discard"}
  /\ net' = Put([t |-> "seal", r |-> r, n |-> tok[r], from |-> Claim(r), to |-> Done(r),
                 drop |-> IF pc[r] = "discard" THEN tgt[r] ELSE 0])
  /\ Go(r, "sealing")
  /\ Think /\ UNCHANGED <<tok, kind, tgt>>

\* Fence and aliases of the index in one answer: spent, and the index there
\* without the mark.  Only a swap or a seal spends the fence, and a swap marks.
Unswapped(r) == Done(r) \in fence /\ idx[tgt[r]] # "absent" /\ ~Swapped(r)

\* A 404 may come from a deposed master, or the index may be gone with its
\* mark: then the answer is "unknown", never "no".
LearnSeal(r) ==           \* (*Lease).seal, settleSwap, lookOutcome
  /\ pc[r] = "sealing"
  /\ \/ Ok(r, "seal") /\ Go(r, "no") /\ ed' = ed
     \/ tgt[r] # 0 /\ Swapped(r) /\ Go(r, "yes") /\ Tell(r, "swap")
     \/ tgt[r] # 0 /\ Unswapped(r) /\ Go(r, "no") /\ ed' = ed
     \/ Go(r, "unknown") /\ ed' = ed
     \/ ~On("unknown answer") /\ Claim(r) \notin fence /\ ~Swapped(r) /\ Go(r, "no") /\ ed' = ed
  /\ Quiet /\ UNCHANGED <<net, tok, kind, tgt>>

Release(r) ==             \* (*Lease).Release
  /\ "document" \in Detail /\ pc[r] \in {"yes", "no", "unknown"} /\ doc.h = r
  /\ doc.q < MaxSeq /\ doc' = [doc EXCEPT !.h = None, !.q = @ + 1]
  /\ UNCHANGED <<lock, fence, data, strangers, net, resp, client, history>>

Kept   == {j \in Index : Marked(j)} \ live
Newest == IF Kept = {} THEN {}      \* keep = 1: the one swapped in last
          ELSE {CHOOSE j \in Kept : \E m \in marks :
                  m[1] = j /\ \A q \in marks : q[1] \in Kept => q[2] <= m[2]}

SendPrune(r) ==           \* (*Lease).Retire, after a swap or by the prune command
  /\ pc[r] \in {"prune", "yes"}
  /\ \E l \in Looks : \E k \in Counts(l) : \E i \in Index :
       /\ Cardinality(l.v) <= 1 /\ i < tok[r] /\ i \notin l.v \cup {tgt[r]}
       /\ "stale" \in Hostile \/ (idx[i] # "absent" /\ i \notin Newest)
       /\ net' = Put([t |-> "prune", r |-> r, n |-> tok[r], i |-> i, seen |-> l.v, f |-> Carry(l),
                      from |-> IF pc[r] = "yes" THEN Done(r) ELSE Claim(r)])
       /\ IF Edits THEN ed' = [ed EXCEPT !.saw[r] = [i |-> IF l.v = {} THEN 0 ELSE CHOOSE j \in l.v : TRUE, c |-> k]]
                   ELSE ed' = ed
  /\ Go(r, IF pc[r] = "prune" THEN "seal" ELSE "done")
  /\ Quiet /\ UNCHANGED <<tok, kind, tgt>>

Compare(r) ==             \* (*Lease).delete, when its request was answered
  /\ Edits /\ Ok(r, "prune") /\ <<r, "prune">> \notin ed.done /\ Tell(r, "prune")
  /\ Quiet /\ UNCHANGED <<net, pc, tok, kind, tgt>>

SendFix(r) ==             \* Load through the mark: a pass that corrects after the swap
  /\ "catchup" \in Detail /\ pc[r] = "yes" /\ kind[r] = "build"
  /\ net' = net \cup {[t |-> "fix", r |-> r, i |-> tgt[r]]}
  /\ Think /\ UNCHANGED <<pc, tok, kind, tgt>>

-----------------------------------------------------------------------------
(* Elasticsearch: one request at a time.  A refused one changes nothing;    *)
(* "refused" is for the run the same step as "no answer", which it may take *)
(* at any moment.                                                           *)

Take(m, b)   == {q \in (IF m.t \in Dup THEN net ELSE net \ {m}) : Alive(q, b)}
Answer(m)    == resp' = resp \cup {<<m.r, m.t, "ok">>}
Server       == UNCHANGED <<client, strangers, era>>
Moving       == UNCHANGED <<client, squat, tmpl, era>>   \* with ed
Refuse(m)    == /\ net' = Take(m, burned) /\ resp' = resp
                /\ UNCHANGED <<lockIndex, data, log, was, claimed, lastClaim, maxClaim, maxTok, burned, bad>>
Replace(m)   == /\ fence' = (fence \ {m.from}) \cup {m.to}
                /\ burned' = burned \cup {m.from}
                /\ net' = Take(m, burned')
Keep(m)      == burned' = burned /\ net' = Take(m, burned)
Blame(c, w)  == IF c THEN {w} ELSE {}

DoBoot(m) ==
  /\ m.t = "boot" /\ Server
  /\ IF lock = "absent"
       THEN /\ lock' = "real" /\ doc' = NoDoc /\ fence' = {m.to} /\ Answer(m) /\ Keep(m)
            /\ UNCHANGED <<data, log, was, claimed, lastClaim, maxClaim, maxTok, bad>>
       ELSE Refuse(m)

DoLock(m) ==              \* _create (q = 0) or if_seq_no, with require_alias
  /\ m.t = "lock" /\ Server
  /\ IF lock # "absent" /\ (m.q = doc.q \/ ~On("document condition")) /\ doc.q < MaxSeq
       THEN /\ doc' = [n |-> m.n, h |-> m.r, q |-> doc.q + 1] /\ Issue(m.n)
            /\ resp' = resp \cup {<<m.r, "lock", ToString(m.n)>>} /\ Keep(m)
            /\ UNCHANGED <<lock, fence, data, log, was, claimed, lastClaim, maxClaim>>
     ELSE IF lock = "absent" /\ ~On("document require_alias")
       THEN /\ lock' = "auto" /\ Keep(m)
            /\ UNCHANGED <<doc, fence, data, resp, log, was, claimed, lastClaim, maxClaim, maxTok, bad>>
     ELSE Refuse(m)

DoClaim(m) ==
  /\ m.t = "claim" /\ Server
  /\ IF m.from \in fence \/ (~On("claim condition") /\ fence # {})
       THEN /\ Replace(m)
            /\ lastClaim' = m.r /\ maxClaim' = Max({maxClaim, m.n}) /\ claimed' = claimed \cup {m.r}
            /\ bad' = bad \cup Blame(m.n <= maxClaim, "claims out of token order")
                          \cup Blame(m.r \in claimed, "claim applied twice")
            /\ Answer(m) /\ UNCHANGED <<lock, doc, data, log, was, maxTok>>
       ELSE Refuse(m)

DoCreate(m) ==            \* the body adds the writer alias, a template maybe persons
  /\ m.t = "create" /\ Server
  /\ IF idx[m.i] = "absent"
       THEN /\ idx' = [idx EXCEPT ![m.i] = "empty"] /\ Answer(m) /\ Keep(m)
            /\ writers' = writers \cup {<<m.i, IF m.r = None THEN "s" ELSE Owner(m.r)>>}
            /\ live' = IF tmpl THEN live \cup {m.i} ELSE live
            /\ soft' = IF tmpl THEN soft \cup {m.i} ELSE soft
            /\ UNCHANGED <<lockIndex, marks, log, was, claimed, lastClaim, maxClaim, maxTok, bad>>
       ELSE Refuse(m)

DoBulk(m) ==
  /\ m.t \in {"bulk1", "bulk2"} /\ Server
  /\ LET byName == ~On("writer alias")
         there  == IF byName THEN idx[m.i] # "absent" ELSE Writer(m.i, m.r) \in writers
     IN IF there
          THEN /\ idx' = [idx EXCEPT ![m.i] = Fill(@, m.p)] /\ Answer(m) /\ Keep(m)
               /\ bad' = bad \cup Blame(m.i \in live, "late bulk wrote to a live index")
               /\ UNCHANGED <<lockIndex, live, soft, marks, writers,
                              log, was, claimed, lastClaim, maxClaim, maxTok>>
        ELSE IF byName \/ ~On("bulk require_alias")
          THEN /\ idx' = IF byName THEN [idx EXCEPT ![m.i] = "auto"] ELSE idx
               /\ bad' = bad \cup {"index auto-created"} /\ Answer(m) /\ Keep(m)
               /\ UNCHANGED <<lockIndex, live, soft, marks, writers,
                              log, was, claimed, lastClaim, maxClaim, maxTok>>
        ELSE Refuse(m)

DoSwap(m) ==
  /\ m.t = "swap" /\ Moving
  /\ LET new == (live \ m.seen) \cup {m.i}
         by  == kind[m.r]
         ok  == /\ m.from \in fence \/ ~On("swap condition")
                /\ m.seen \subseteq live \/ ~On("live must_exist")
                /\ idx[m.i] # "absent" /\ ~squat
                /\ On("write index") => Cardinality(new \ (soft \ {m.i})) <= 1
                /\ by = "rollback" /\ On("mark guard") => Marked(m.i)
                /\ by = "build" /\ On("writer alias") => Writer(m.i, m.r) \in writers
     IN IF ok
          THEN /\ IF On("swap condition") THEN Replace(m) ELSE fence' = fence /\ Keep(m)
               /\ live' = new /\ soft' = soft \ ({m.i} \cup m.seen) /\ was' = was \cup {m.i}
               /\ marks' = marks \cup {<<m.i, m.n, Owner(m.r)>>}
               /\ writers' = IF On("writer removed") THEN writers \ {Writer(m.i, m.r)} ELSE writers
               /\ log' = IF Len(log) < 5 THEN Append(log, [r |-> m.r, n |-> m.n, k |-> by]) ELSE log
               /\ bad' = bad
                    \cup Blame(lastClaim # m.r, "swap after successor's claim")
                    \cup Blame(\E j \in 1..Len(log) : log[j].r = m.r, "two swaps by one run")
                    \cup Blame(\E j \in 1..Len(log) : log[j].n >= m.n, "swaps out of token order")
               /\ ed' = IF ~Edits THEN [ed EXCEPT !.f = m.f]
                         ELSE [ed EXCEPT !.f = m.f, !.past = @ \cup {Now},
                                 !.c = [j \in Index |-> IF j \in m.seen \cup {m.i} THEN @[j] + 1 ELSE @[j]],
                                 !.loss = @ \cup Blame(m.seen # {} /\ m.f # ed.f, <<m.r, "swap">>)]
               /\ Answer(m) /\ UNCHANGED <<lock, doc, idx, claimed, lastClaim, maxClaim, maxTok>>
          ELSE Refuse(m) /\ ed' = ed

Forget(i) ==              \* an index goes with all its aliases
  /\ idx' = [idx EXCEPT ![i] = "absent"] /\ live' = live \ {i} /\ soft' = soft \ {i}
  /\ marks' = {q \in marks : q[1] # i} /\ writers' = {q \in writers : q[1] # i}

DoSeal(m) ==
  /\ m.t = "seal" /\ Server
  /\ IF m.from \in fence /\ (m.drop # 0 => idx[m.drop] # "absent")
       THEN /\ Replace(m) /\ Answer(m)
            /\ IF m.drop # 0 THEN Forget(m.drop) ELSE UNCHANGED data
            /\ bad' = bad \cup Blame(m.drop \in live \ soft, "live index deleted")
            /\ UNCHANGED <<lock, doc, log, was, claimed, lastClaim, maxClaim, maxTok>>
       ELSE Refuse(m)

\* An index that the holder of the present claim has chosen to make live.
Candidate(i, r) == \E q \in Runs : q # r /\ tgt[q] = i /\ Claim(q) \in fence /\ lastClaim = q

DoPrune(m) ==
  /\ m.t = "prune" /\ Moving
  /\ IF /\ m.from \in fence \/ ~On("prune condition")
        /\ (m.seen # {} /\ m.seen \subseteq live) \/ ~On("live guard")
        /\ idx[m.i] # "absent"
       THEN /\ Forget(m.i) /\ Keep(m) /\ Answer(m)
            /\ bad' = bad \cup Blame(m.i \in live \ soft, "live index deleted")
                          \cup Blame(Candidate(m.i, m.r), "candidate deleted")
            \* an alias that is replaced by an equal one is not changed
            /\ ed' = IF ~Edits THEN [ed EXCEPT !.f = IF m.seen = {} THEN @ ELSE m.f]
                      ELSE IF m.f = ed.f THEN ed
                      ELSE [ed EXCEPT !.f = m.f, !.past = @ \cup {Now},
                              !.c = [j \in Index |-> IF j \in m.seen THEN @[j] + 1 ELSE @[j]],
                              !.loss = @ \cup {<<m.r, "prune">>}]
            /\ UNCHANGED <<lockIndex, log, was, claimed, lastClaim, maxClaim, maxTok>>
       ELSE Refuse(m) /\ ed' = ed

DoFix(m) ==               \* through the mark; the index already has every document
  /\ m.t = "fix" /\ Server
  /\ LET hit == IF ~On("catch-up by mark") THEN live
                ELSE IF ~On("catch-up by alias") THEN {m.i} \cap {i \in Index : idx[i] # "absent"}
                ELSE {q[1] : q \in {q \in marks : q[2] = tok[m.r] /\ q[3] = Owner(m.r)}}
     IN /\ net' = Take(m, burned)
        /\ bad' = bad \cup Blame(hit \ {m.i} # {}, "catch-up wrote to another index")
                      \cup Blame(hit = {} /\ (~On("catch-up by alias") \/ ~On("catch-up require_alias")),
                                 "index auto-created")
  /\ UNCHANGED <<lockIndex, data, resp, log, was, claimed, lastClaim, maxClaim, maxTok, burned>>

-----------------------------------------------------------------------------
(* Strangers                                                                *)

Elsewhere == UNCHANGED <<net, resp, client>>
Past      == UNCHANGED <<log, was, claimed, lastClaim, maxClaim, maxTok, bad>>

DropLock ==   \* the lock index is deleted by hand, once: document and fence are gone
  /\ "droplock" \in Hostile /\ era = 0 /\ lock # "absent"
  /\ era' = 1 /\ burned' = burned \cup fence
  /\ lock' = "absent" /\ fence' = {} /\ doc' = NoDoc
  /\ Elsewhere /\ Past /\ UNCHANGED <<data, strangers>>

DropDoc ==    \* only the document is deleted
  /\ "dropdoc" \in Hostile /\ doc # NoDoc
  /\ doc' = NoDoc
  /\ Elsewhere /\ UNCHANGED <<lock, fence, data, strangers, history>>

Bootstrap ==  \* bootstrap in one step: the index with its first fence in the body
  /\ "boot" \notin Detail /\ lock = "absent"
  /\ lock' = "real" /\ fence' = {Boot(era)} /\ doc' = NoDoc
  /\ Elsewhere /\ UNCHANGED <<data, strangers, history>>

Squat ==      \* an index named persons: possible while no alias has that name
  /\ "squat" \in Hostile /\ live = {} /\ ~squat
  /\ squat' = TRUE
  /\ Elsewhere /\ UNCHANGED <<lockIndex, data, tmpl, ed, history>>

Template ==   \* an index template for persons-* that adds the alias persons
  /\ "template" \in Hostile /\ ~tmpl
  /\ tmpl' = TRUE
  /\ Elsewhere /\ UNCHANGED <<lockIndex, data, squat, ed, history>>

Edit ==       \* a person gives the live alias another filter, or another routing
  /\ Edits /\ Cardinality(live) = 1 /\ ed.n < 1    \* one edit is enough to be lost
  /\ ed' = [ed EXCEPT !.f = ed.n + 2, !.n = @ + 1, !.past = @ \cup {Now},
                      !.c = [j \in Index |-> IF j \in live THEN @[j] + 1 ELSE @[j]]]
  /\ Elsewhere /\ UNCHANGED <<lockIndex, data, squat, tmpl, history>>

Foreign == DropLock \/ DropDoc \/ Bootstrap \/ Squat \/ Template \/ Edit

RunStep(r) ==
  \/ SendBoot(r) \/ Acquire(r) \/ SendLock(r) \/ LearnLock(r) \/ Renew(r)
  \/ SendClaim(r) \/ LearnClaim(r) \/ Plan(r) \/ LearnCreate(r) \/ ReadBack(r)
  \/ \E p \in 1..Parts : Load(r, p) \/ SendBulk(r, p) \/ LearnBulk(r, p)
  \/ Verify(r) \/ SendSwap(r) \/ LearnSwap(r) \/ SendSeal(r) \/ LearnSeal(r)
  \/ Release(r) \/ SendPrune(r) \/ Compare(r) \/ SendFix(r)

ServerStep(m) == \/ DoBoot(m) \/ DoLock(m) \/ DoClaim(m) \/ DoCreate(m) \/ DoBulk(m)
                 \/ DoSwap(m) \/ DoSeal(m) \/ DoPrune(m) \/ DoFix(m)

Next == (\E r \in Runs : RunStep(r)) \/ (\E m \in net : ServerStep(m)) \/ Foreign
Spec == Init /\ [][Next]_vars
Sym  == Permutations(Runs)   \* safety checks only

-----------------------------------------------------------------------------
(* What must hold                                                           *)

OneLive        == Cardinality(live) <= 1
NeverEmpty     == log # <<>> => live # {}
LiveComplete   == \A i \in live : idx[i] = "complete"
LiveNotDeleted == "live index deleted" \notin bad
CandidateKept  == "candidate deleted" \notin bad
Fenced         == "swap after successor's claim" \notin bad
OneSwapPerRun  == "two swaps by one run" \notin bad
ClaimOnce      == "claim applied twice" \notin bad
ClaimOrder     == "claims out of token order" \notin bad
SwapOrder      == "swaps out of token order" \notin bad
OneFence       == Cardinality(fence) <= 1
NeverBack      == fence \cap burned = {}
BeliefYes      == \A r \in Runs : pc[r] = "yes" => \E j \in 1..Len(log) : log[j].r = r
BeliefNo       == \A r \in Runs : pc[r] = "no" => \A j \in 1..Len(log) : log[j].r # r
LiveUntouched  == "late bulk wrote to a live index" \notin bad
OwnIndexOnly   == "catch-up wrote to another index" \notin bad
NoAutoIndex    == "index auto-created" \notin bad
NoAutoLock     == lock # "auto"
TokenUp        == "token went back" \notin bad          \* while nobody deletes the document
\* Even then, as long as reads are current and lock and indices do not change
\* between the reads and the write (Acquire in one step):
TokenAboveSwap == "token not above a swap" \notin bad
TokenAboveAll  == "token not above an index" \notin bad

\* What the alias is besides its name stays, as long as nobody changes it.
AliasKept      == ~Edits => ed.f = Filter
\* A change that came between look and request is lost (limit_edit_lost), but
\* not in silence; and nobody is warned for nothing while reads are current and
\* no other run has the fence before the look back.
LossTold       == ed.loss \cap ed.done \subseteq ed.told
NoFalseAlarm   == ed.n = 0 /\ Cardinality(claimed) <= 1 
                  => \A w \in ed.told : ed.saw[w[1]].c < 0 \/ pc[w[1]] = "done"
EditKept       == ed.loss = {}

\* With a template that adds persons the alias may name an empty index beside
\* the live one until the run that met it has discarded it.  Readers then
\* still find every person exactly once:
ReadersOnce    == /\ Cardinality({i \in live : idx[i] # "empty"}) <= 1
                  /\ \A i \in live : idx[i] \in {"empty", "complete"}

\* Reachability: TLC must refute each of these, else the model stands still.
FewSwaps       == Len(log) < 2
NothingPruned  == \A i \in was : idx[i] # "absent"
NothingDropped == \A r \in Runs : Ok(r, "create") /\ pc[r] = "no" => idx[tgt[r]] # "absent"
NothingFixed   == \A m \in net : m.t = "fix" => m.i \in live
NothingLost    == \A r \in Runs : pc[r] # "lost"

-----------------------------------------------------------------------------
(* Liveness: a build that is never paused and not overtaken by a later     *)
(* token ends with its swap.  Only that run and the cluster are fair, and  *)
(* its answers arrive.                                                     *)
CONSTANT Steady

Heard(r) == \/ pc[r] = "claiming" /\ Ok(r, "claim") /\ LearnClaim(r) /\ pc'[r] = "claimed"
            \/ /\ pc[r] = "claiming" /\ ~Ok(r, "claim") /\ LearnClaim(r)
               /\ \A m \in net : m.r = r /\ m.t = "claim" => m.from \notin fence
            \/ pc[r] = "creating" /\ Ok(r, "create") /\ LearnCreate(r) /\ pc'[r] = "readback"
            \/ pc[r] = "swapping" /\ Ok(r, "swap") /\ LearnSwap(r) /\ pc'[r] = "yes"
Smooth(r) == \/ Acquire(r) \/ SendClaim(r) \/ Heard(r) \/ Plan(r) \/ ReadBack(r)
             \/ (\E p \in 1..Parts : Load(r, p)) \/ Verify(r) \/ SendSwap(r)
NextLive  == \/ \E r \in Runs : IF r = Steady THEN Smooth(r) ELSE RunStep(r)
             \/ \E m \in net : ServerStep(m)
FairSpec  == /\ Init /\ [][NextLive]_vars
             /\ WF_vars(Smooth(Steady))
             /\ \A t \in {"claim", "create", "swap"} :
                  WF_vars(\E m \in net : m.r = Steady /\ m.t = t /\ ServerStep(m))
Overtaken   == \E r \in Runs : r # Steady /\ tok[r] > tok[Steady] /\ tok[Steady] # 0
SteadySwaps == <>((\E j \in 1..Len(log) : log[j].r = Steady) \/ Overtaken)
=============================================================================
