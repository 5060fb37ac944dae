------------------------------- MODULE Changes -------------------------------
(***************************************************************************)
(* The rule of package changes: which documents differ between two         *)
(* snapshots of PostgreSQL.  A run reads all documents under S1, and later *)
(* only those that the rule names under S2.  Does the index then hold what *)
(* S2 showed when it was taken?  That is the state with which a run swaps, *)
(* and the state to which the pass after the swap brings the live index;   *)
(* Reindex.tla says when either of them may be written.                    *)
(*                                                                         *)
(* One table.  A document is the set of row versions of its key, and the   *)
(* definition of a function that its query calls.  Transactions begin,     *)
(* have subtransactions, insert, delete, lock, commit and roll back while  *)
(* the run goes on; VACUUM removes what no open snapshot sees; TRUNCATE    *)
(* and CREATE OR REPLACE FUNCTION act inside open snapshots.               *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS
  Keys,
  MaxX,         \* transaction ids there may be, subtransactions included
  Ddl,          \* TRUE: TRUNCATE and CREATE OR REPLACE FUNCTION may come
  Off           \* conditions left out: {} is the rule
                \*   "age"        a version is new if S1's list and bounds say so
                \*   "old rows"   all rows are counted instead of the old ones
                \*   "late xmax"  vanished rows are looked for before S2 is taken
                \*   "open"       S1 is closed when it was read
                \*   "lock"       TRUNCATE need not wait for the run
                \*   "signature"  the catalogs of S1 and S2 are not compared
                \*   "confirm"    the catalog is not read once more at the end

VARIABLES
  next,         \* the next transaction id
  tx,           \* state of each
  parent,       \* of a subtransaction, else 0
  rows,         \* row versions: key, xmin, xmax, and whether xmax deletes or locks
  file,         \* which file the table has: TRUNCATE makes a new one
  fn,           \* the definition of the function
  ph,           \* how far the run is
  s1, s2,       \* snapshots
  n1, n2,       \* what was counted under them
  new, gone,    \* keys of new versions, versions that seem to have vanished
  idx,          \* the index
  truth         \* what S2 showed when it was taken

vars == <<next, tx, parent, rows, file, fn, ph, s1, s2, n1, n2, new, gone, idx, truth>>

X == 1..MaxX
On(c) == c \notin Off
None == [com |-> {}, low |-> 0, high |-> 0, list |-> {}, sig |-> <<0, 0>>, open |-> FALSE]
Min(S) == CHOOSE x \in S : \A y \in S : x <= y

Running == {x \in X : tx[x] = "runs" /\ parent[x] = 0}
Committed == {0} \cup {x \in X : tx[x] = "committed"}
\* What a snapshot knows: com is the truth, the rest is what its text tells.
Take == [com |-> Committed, low |-> Min(Running \cup {next}), high |-> next,
         list |-> Running, sig |-> <<file, fn>>, open |-> TRUE]

Shows(s, r) == r.xmin \in s.com /\ ~(r.deletes /\ r.xmax \in s.com)
Seen(s) == {r \in rows : Shows(s, r)}
Doc(s, k) == [rows |-> {r.xmin : r \in {r \in Seen(s) : r.key = k}}, fn |-> fn]

\* A version is new to S1: what the rule says, and the guess.
IsNew(r) == IF On("age") THEN r.xmin >= s1.low
            ELSE r.xmin >= s1.high \/ r.xmin \in s1.list

Init ==
  /\ next = 1 /\ tx = [x \in X |-> "unused"] /\ parent = [x \in X |-> 0]
  /\ rows = {[key |-> k, xmin |-> 0, xmax |-> 0, deletes |-> FALSE] : k \in Keys}
  /\ file = 0 /\ fn = 0 /\ ph = "start" /\ s1 = None /\ s2 = None
  /\ n1 = 0 /\ n2 = 0 /\ new = {} /\ gone = {}
  /\ idx = [k \in Keys |-> [rows |-> {}, fn |-> 0]] /\ truth = idx

-----------------------------------------------------------------------------
\* Writers
run == <<ph, s1, s2, n1, n2, new, gone, idx, truth>>

Begin(p) ==
  /\ next <= MaxX /\ ph \notin {"done", "full"}
  /\ IF p = 0 THEN TRUE ELSE tx[p] = "runs" /\ parent[p] = 0
  /\ tx' = [tx EXCEPT ![next] = "runs"] /\ parent' = [parent EXCEPT ![next] = p]
  /\ next' = next + 1
  /\ UNCHANGED <<rows, file, fn>> /\ UNCHANGED run

Insert(x, k) ==
  /\ tx[x] = "runs"
  /\ ~\E r \in rows : r.key = k /\ r.xmin = x
  /\ rows' = rows \cup {[key |-> k, xmin |-> x, xmax |-> 0, deletes |-> FALSE]}
  /\ UNCHANGED <<next, tx, parent, file, fn>> /\ UNCHANGED run

\* A row that a running or committed deleter holds cannot be had.
Free(r) == IF r.xmax = 0 THEN TRUE
           ELSE tx[r.xmax] = "aborted" \/ (~r.deletes /\ tx[r.xmax] = "committed")

Hold(x, r, deletes) ==
  /\ tx[x] = "runs" /\ r \in rows /\ r.xmin \in Committed /\ Free(r)
  /\ rows' = (rows \ {r}) \cup {[r EXCEPT !.xmax = x, !.deletes = deletes]}
  /\ UNCHANGED <<next, tx, parent, file, fn>> /\ UNCHANGED run

End(x, how) ==
  /\ tx[x] = "runs" /\ parent[x] = 0
  /\ tx' = [y \in X |-> IF y = x \/ (parent[y] = x /\ tx[y] = "runs") THEN how ELSE tx[y]]
  /\ UNCHANGED <<next, parent, rows, file, fn>> /\ UNCHANGED run

Vacuum ==
  LET dead == {r \in rows : /\ r.deletes /\ r.xmax \in Committed
                            /\ ~(s1.open /\ Shows(s1, r)) /\ ~(s2.open /\ Shows(s2, r))}
  IN /\ dead # {} /\ rows' = rows \ dead
     /\ UNCHANGED <<next, tx, parent, file, fn>> /\ UNCHANGED run

Truncate ==
  /\ Ddl /\ file = 0 /\ Running = {}
  /\ On("lock") => ph \in {"start", "done", "full"}
  /\ rows' = {} /\ file' = 1
  /\ UNCHANGED <<next, tx, parent, fn>> /\ UNCHANGED run

Replace ==
  /\ Ddl /\ fn = 0 /\ fn' = 1
  /\ UNCHANGED <<next, tx, parent, rows, file>> /\ UNCHANGED run

-----------------------------------------------------------------------------
\* The run
db == <<next, tx, parent, rows, file, fn>>

First ==
  /\ ph = "start" /\ ph' = "reads" /\ s1' = Take
  /\ UNCHANGED <<s2, n1, n2, new, gone, idx, truth>> /\ UNCHANGED db

\* Streams read at different moments: the first key, then the others.
ReadFirst ==
  /\ ph = "reads" /\ ph' = "reading"
  /\ LET k == Min(Keys) IN idx' = [idx EXCEPT ![k] = Doc(s1, k)]
  /\ UNCHANGED <<s1, s2, n1, n2, new, gone, truth>> /\ UNCHANGED db

ReadRest ==
  /\ ph = "reading" /\ ph' = "loaded"
  /\ idx' = [k \in Keys |-> IF k = Min(Keys) THEN idx[k] ELSE Doc(s1, k)]
  /\ n1' = Cardinality(Seen(s1))
  /\ s1' = [s1 EXCEPT !.open = On("open")]
  /\ gone' = IF On("late xmax") THEN {} ELSE {r \in Seen(s1) : r.xmax # 0}
  /\ UNCHANGED <<s2, n2, new, truth>> /\ UNCHANGED db

Second ==
  /\ ph = "loaded" /\ ph' = "compares" /\ s2' = Take
  /\ truth' = [k \in Keys |-> Doc(Take, k)]
  /\ UNCHANGED <<s1, n1, n2, new, gone, idx>> /\ UNCHANGED db

Scan ==
  /\ ph = "compares"
  /\ ph' = IF On("signature") /\ s1.sig # s2.sig THEN "full" ELSE "scanned"
  /\ n2' = Cardinality(IF On("old rows") THEN {r \in Seen(s2) : ~IsNew(r)} ELSE Seen(s2))
  /\ new' = {r.key : r \in {r \in Seen(s2) : IsNew(r)}}
  /\ UNCHANGED <<s1, s2, n1, gone, idx, truth>> /\ UNCHANGED db

Vanished ==
  /\ ph = "scanned" /\ ph' = "named"
  /\ LET held == IF On("late xmax") THEN {r \in Seen(s1) : r.xmax # 0} ELSE gone
         still == {r \in Seen(s2) : ~IsNew(r)}
     IN gone' = IF n2 = n1 THEN {}
                ELSE {r \in held : ~\E q \in still : q.key = r.key /\ q.xmin = r.xmin}
  /\ UNCHANGED <<s1, s2, n1, n2, new, idx, truth>> /\ UNCHANGED db

ReadNamed ==
  /\ ph = "named" /\ ph' = "corrected"
  /\ LET ids == new \cup {r.key : r \in gone}
     IN idx' = [k \in Keys |-> IF k \in ids THEN Doc(s2, k) ELSE idx[k]]
  /\ UNCHANGED <<s1, s2, n1, n2, new, gone, truth>> /\ UNCHANGED db

\* A full pass compares everything and is not modelled: it is right by itself.
Confirm ==
  /\ ph = "corrected"
  /\ ph' = IF On("confirm") /\ s2.sig # <<file, fn>> THEN "full" ELSE "done"
  /\ UNCHANGED <<s1, s2, n1, n2, new, gone, idx, truth>> /\ UNCHANGED db

Next ==
  \/ \E p \in 0..MaxX : Begin(p)
  \/ \E x \in X : \/ \E k \in Keys : Insert(x, k)
                  \/ \E r \in rows, deletes \in BOOLEAN : Hold(x, r, deletes)
                  \/ \E how \in {"committed", "aborted"} : End(x, how)
  \/ Vacuum \/ Truncate \/ Replace
  \/ First \/ ReadFirst \/ ReadRest \/ Second \/ Scan \/ Vanished \/ ReadNamed \/ Confirm

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
\* What the pass leaves is what S2 showed.
Right == ph = "done" => idx = truth
\* A pass that finds nothing to read is one in which nothing has changed.
IdleIsIdle == (ph = "corrected" /\ new = {} /\ gone = {} /\ s2.sig = <<file, fn>>) => idx = truth
=============================================================================
