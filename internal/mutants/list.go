package main

// list is every rule that safety rests on, and what notices when it is gone.
// docs/protocol says why each is needed.
func list() []mutant {
	var all []mutant
	for _, some := range [][]mutant{fences(), swaps(), deletions(), leases(), documents(), corrections(), proofs(), comparisons()} {
		all = append(all, some...)
	}
	return all
}

// fences: who may swap.
func fences() []mutant {
	return []mutant{
		{
			name: "claim without the fence it saw", file: "esalias/claim.go",
			old: "\t\tremove(c.names.lockIndex(), f.name),\n", new: "",
			tests: []string{"TestContractInMemory"},
		},
		{
			name: "no condition on any alias", file: "esalias/fence.go",
			old: "Alias: alias, MustExist: true}", new: "Alias: alias, MustExist: false}",
			// Elasticsearch 8.19 refuses most such requests even so, in its first look at
			// the names, which need not be the state that the change is applied to.
			tests: []string{"TestSwapRequestThatArrivesLate"},
		},
		{
			name: "fence names used again by every run", file: "esalias/names.go",
			old:   `func (n names) claim(t tag) string  { return n.alias + ".claim-" + t.String() }`,
			new:   `func (n names) claim(t tag) string  { _ = t; return n.alias + ".claim-1-anyone" }`,
			tests: []string{"TestHolderThatWakesUpLate"},
		},
		{
			name: "claim in a lock index made anew", file: "esalias/claim.go",
			old: "case f.lockUUID != l.uuid:", new: "case false:",
			tests: []string{"TestNoClaimInAnotherLockIndex"},
		},
		{
			name: "claim below the fence's token", file: "esalias/claim.go",
			old: "case f.tag.token >= l.tag.token:", new: "case f.tag.token == l.tag.token:",
			tests: []string{"TestClaimBelowTheFenceIsNotSent"},
		},
		{
			name: "claim with the fence's token", file: "esalias/claim.go",
			old: "case f.tag.token >= l.tag.token:", new: "case f.tag.token > l.tag.token:",
			tests: []string{"TestClaimWithAnEqualTokenIsNotSent"},
		},
		{
			name: "tokens forget the indices", file: "esalias/acquire.go",
			old: "max(recorded, f.tag.token, state.highest()) + 1", new: "max(recorded, f.tag.token) + 1 + 0*state.highest()",
			tests: []string{"TestContractInMemory"},
		},
		{
			name: "tokens forget the marks", file: "esalias/state.go",
			old: "k != kindOther {\n\t\t\t\thighest", new: "k == kindOther {\n\t\t\t\thighest",
			tests: []string{"TestTokenIsAboveEveryMark"},
		},
		{
			name: "release without giving the right up", file: "esalias/lease.go",
			old: "\tif l.right == rightClaimed {\n\t\t_, sealErr", new: "\tif false {\n\t\t_, sealErr",
			tests: []string{"TestSwapRequestThatArrivesLate"},
		},
		{
			name: "lock written by index name", file: "esalias/record.go",
			old: "Body: bytes.NewReader(body), RequireAlias: &yes,\n", new: "Body: bytes.NewReader(body),\n",
			tests: []string{"TestRequestsOfARunAreThoseOfTheProtocol"},
		},
	}
}

// swaps: what a swap proves, and what is known about one without an answer.
func swaps() []mutant {
	return []mutant{
		{
			name: "swap without the claim", file: "esalias/swap.go",
			old: "\t\tremove(names.lockIndex(), names.claim(l.tag)),\n\t\tadd(names.lockIndex(), names.done(l.tag)),\n", new: "",
			tests: []string{"TestHolderThatWakesUpLate", "TestSwapThatTookALongWay"},
		},
		{
			name: "swap not as write index", file: "esalias/fence.go",
			old: "Alias: alias, IsWriteIndex: true, Properties", new: "Alias: alias, Properties",
			tests: []string{"TestSwapThatOverlooksTheLiveIndexIsRefused"},
		},
		{
			name: "swap leaves the writer alias", file: "esalias/swap.go",
			old: "\t\tremove(build.Index, writer),\n", new: "\t\tadd(build.Index, writer),\n",
			tests: []string{"TestLateWritesFailAfterTheSwap"},
		},
		{
			name: "alias carried over without its properties", file: "esalias/fence.go",
			old: "IsWriteIndex: true, Properties: carried}", new: "IsWriteIndex: true}",
			tests: []string{"TestAliasIsCarriedOverAsItIs"},
		},
		{
			name: "rollback from no live index", file: "esalias/swap.go",
			old: "marked && live == \"\" {", new: "marked && live == \"-\" {",
			tests: []string{"TestRollbackThatOverlooksTheLiveIndexKeepsTheAlias"},
		},
		{
			name: "unknown properties of the alias dropped", file: "esalias/properties.go",
			old: "if len(view.unknown) > 0 {", new: "if false {",
			tests: []string{"TestPropertyThatIsNotKnownIsNotLost"},
		},
		{
			name: "edits in the moment of the swap not looked for", file: "esalias/properties.go",
			old: "case n != seen.changes+own:", new: "case false:",
			tests: []string{"TestEditInTheMomentOfARequestIsReported"},
		},
		{
			name: "changes of the aliases counted after the look", file: "esalias/properties.go",
			old: "\tchanges, _, err := c.aliasChanges(ctx, c.alias)\n", new: "\t_, _ = c.lookIndices(ctx)\n\tchanges, _, err := c.aliasChanges(ctx, c.alias)\n",
			tests: []string{"TestRequestsOfARunAreThoseOfTheProtocol"},
		},
		{
			name: "routing beside several shards", file: "esalias/properties.go",
			old: "if shards > 1 {", new: "if false {",
			tests: []string{"TestAliasThatCannotBeCarriedOverIsForAPerson"},
		},
		{
			name: "filter that shows nothing", file: "esalias/properties.go",
			old: "if err != nil || next > 0 {", new: "if true {",
			tests: []string{"TestAliasThatCannotBeCarriedOverIsForAPerson"},
		},
		{
			name: "swap after the lease was lost", file: "esalias/swap.go",
			old: "\tif err := l.check(); err != nil {\n\t\treturn err\n\t}\n\tl.swapSent", new: "\tl.swapSent",
			tests: []string{"TestSwapBeforeAnythingWasSentIsAPromise"},
		},
		{
			name: "swap of another lease's index", file: "esalias/swap.go",
			old: "if build.lease != l || build.Index != l.built {", new: "if false {",
			tests: []string{"TestBuildOfAnotherLeaseIsNotSwapped"},
		},
		{
			name: "lost answer not settled by the mark", file: "esalias/swap.go",
			old: "\t\treturn outcomeSwapped, nil\n", new: "\t\treturn outcomeOpen, nil\n",
			tests: []string{"TestOneLostWriteCostsNoRun"},
		},
		{
			name: "no answer taken for not swapped", file: "esalias/swap.go",
			old: "if sealed || !l.swapSent {", new: "if sealed || true {",
			tests: []string{"TestHolderThatWakesUpLate"},
		},
		{
			name: "seal without an answer taken for a promise lost", file: "esalias/claim.go",
			old: "\t\t\tsealed = l.sealedBefore(ctx)\n", new: "\t\t\tsealed = false\n",
			tests: []string{"TestOneLostWriteCostsNoRun"},
		},
		{
			name: "server errors taken for refusals", file: "internal/es/errors.go",
			old:   `return e.Status < http.StatusInternalServerError || e.Type == "illegal_state_exception"`,
			new:   `return e.Status != 0`,
			tests: []string{"TestAnswersAndWhatTheyProve"},
		},
		{
			name: "writes repeated on another node", file: "internal/es/nodes.go",
			old: "\t\tagain = 0\n", new: "\t\t_ = again\n",
			tests: []string{"TestReadIsRepeatedOnAnotherNodeAndAWriteIsNot", "TestRequestIsGivenUpWhenItsNodeFreezes"},
		},
		{
			name: "requests to a node that hangs", file: "internal/es/nodes.go",
			old: "\t\t\tif candidate.fresh() {", new: "\t\t\tif true {",
			tests: []string{"TestNodeThatHangsIsNotGivenAnyRequest"},
		},
		{
			name: "unacknowledged changes taken for done", file: "esalias/create.go",
			old: "if err == nil && !answer.Acknowledged {", new: "if false {",
			tests: []string{"TestCreateThatIsNotAcknowledgedIsNotTrusted"},
		},
		{
			name: "create sent again", file: "esalias/create.go",
			old: "\tif es.IsRefused(err) {\n\t\tl.built = \"\"",
			new: "\tif es.IsUnsettled(err) {\n\t\terr = l.c.send(ctx, esapi.IndicesCreateRequest{Index: build.Index, Body: bytes.NewReader(request)}, &answer)\n" +
				"\t}\n\tif es.IsRefused(err) {\n\t\tl.built = \"\"",
			tests: []string{"TestCreateRequestIsSentOnce"},
		},
		{
			name: "created index not read back", file: "esalias/create.go",
			old: "if len(extra) > 0 || len(state.aliases[build.Index]) != 1 {", new: "if false {",
			tests: []string{"TestTemplateThatAddsTheAliasIsForAPerson"},
		},
		{
			name: "rollback to an index without its mark", file: "esalias/rollback.go",
			old: "\t\tremove(target, name), add(target, name),\n", new: "\t\tadd(target, name),\n",
			tests: []string{"TestMarkMustStillBeThereForARollback"},
		},
		{
			name: "rollback to what was never live", file: "esalias/rollback.go",
			old: "case !marked:", new: "case !marked && false:",
			tests: []string{"TestRollbackRules"},
		},
		{
			name: "two live indices tolerated", file: "esalias/state.go",
			old: "\tcase 1:\n\t\treturn carriers[0], nil\n\t}", new: "\tdefault:\n\t\treturn carriers[0], nil\n\t}",
			tests: []string{"TestAliasOnTwoIndicesIsForAPerson"},
		},
	}
}

// deletions: what may be deleted.
func deletions() []mutant {
	return []mutant{
		{
			name: "deletion without the fence", file: "esalias/retire.go",
			old: "\t\t\tremove(names.lockIndex(), guard), add(names.lockIndex(), guard),\n", new: "\t\t\tadd(names.lockIndex(), guard),\n",
			tests: []string{"TestRetireStopsWhenAnotherRunHasClaimed"},
		},
		{
			name: "deletion without proof of what is live", file: "esalias/retire.go",
			old: "\t\t\tremove(live, names.alias), addLive(live, names.alias, carried),\n", new: "\t\t\tadd(live, names.alias+carried.IndexRouting+\".seen\"),\n",
			tests: []string{"TestRetireWithAnOldViewSparesTheLiveIndex"},
		},
		{
			name: "deletion of what is not ours", file: "esalias/retire.go",
			old: `if reason, err = l.notOurs(ctx, index); reason != "" || err != nil {`, new: `if false {`,
			tests: []string{"TestRetireLeavesWhatIsNotItsOwn"},
		},
		{
			name: "deletion of higher numbers", file: "esalias/retire.go",
			old: "if index == live || token >= l.tag.token {", new: "if index == live || token < 0 {",
			tests: []string{"TestRetireLeavesWhatIsNotItsOwn"},
		},
		{
			name: "deletion of what carries another alias", file: "esalias/retire.go",
			old: "\t\tif reason = inUse(state.strangers(index)); reason != \"\" {", new: "\t\tif false {",
			tests: []string{"TestIndexThatCarriesAnotherAliasIsKept"},
		},
		{
			name: "deletion under running searches", file: "esalias/retire.go",
			old: "case searches > 0:", new: "case searches < 0:",
			tests: []string{"TestRetireWaitsForSearches"},
		},
		{
			name: "giving up without the fence", file: "esalias/abandon.go",
			old: "\t\tremove(names.lockIndex(), guard),\n", new: "\t\tadd(names.lockIndex(), guard),\n",
			tests: []string{"TestGivingUpSealsAndDeletesInOneRequest"},
		},
		{
			name: "giving up deletes an index nobody saw as ours", file: "esalias/abandon.go",
			old:   "if l.built != \"\" && l.unsure && !l.carriesWriter(ctx, l.built) {",
			new:   "if l.built != \"\" && false && !l.carriesWriter(ctx, l.built) {",
			tests: []string{"TestUnansweredIndexIsDeletedOnlyWithOurWriterAlias"},
		},
	}
}

// leases: who works.
func leases() []mutant {
	return []mutant{
		{
			name: "record taken without its condition", file: "esalias/record.go",
			old: "RequireAlias: &yes, IfSeqNo: &seen.seqNo, IfPrimaryTerm: &seen.term,", new: "RequireAlias: &yes,",
			tests: []string{"TestTakeoverIsSeenAtTheNextRenewal"},
		},
		{
			name: "no stop when renewals fail", file: "esalias/keep.go",
			old: "\t\t\tl.cancel(l.expired(last))\n\t\t\treturn\n", new: "\t\t\t_ = l.expired(last)\n\t\t\treturn\n",
			tests: []string{"TestLostAfterTwoThirdsWithoutAnAnswer"},
		},
		{
			name: "no stop when another run took over", file: "esalias/keep.go",
			old: "\t\tif errors.Is(last, ErrLeaseLost) {", new: "\t\tif errors.Is(last, ErrOutcomeUnknown) {",
			tests: []string{"TestTakeoverIsSeenAtTheNextRenewal"},
		},
		{
			name: "trust longer than the lease", file: "esalias/keep.go",
			old: "return l.c.opts.Lease / 3 * 2", new: "return l.c.opts.Lease * 2",
			tests: []string{"TestLeaseEndsBeforeAnyoneMayTakeOver"},
		},
		{
			name: "trust counted from the answer", file: "esalias/keep.go",
			old: "\tl.trusted = sent\n", new: "\tl.trusted = now()\n\t_ = sent\n",
			tests: []string{"TestSlowSuccessIsTrustedFromWhenItWasSent"},
		},
		{
			name: "take-over before a whole lease", file: "esalias/acquire.go",
			old: "|| unchanged >= lease {", new: "|| unchanged >= lease/2 {",
			tests: []string{"TestWatcherTakesOverAfterAWholeLeaseOfItsHolder"},
		},
		{
			name: "watcher's lease instead of the holder's", file: "esalias/acquire.go",
			old: "min(max(c.opts.Lease, time.Duration(seen.LeaseMS)*time.Millisecond), maxLease)", new: "c.opts.Lease",
			tests: []string{"TestWatcherTakesOverAfterAWholeLeaseOfItsHolder"},
		},
		{
			name: "unlock with any token", file: "esalias/unlock.go",
			old: "if seen.Token != token {", new: "if false {",
			tests: []string{"TestContractInMemory"},
		},
	}
}

// documents: one for each id, and none lost.
func documents() []mutant {
	return []mutant{
		{
			name: "bulk without require_alias", file: "internal/bulk/request.go",
			old: "throughAlias := true", new: "throughAlias := false",
			tests: []string{"TestServerAliasRemovedInTheMiddle"},
		},
		{
			name: "deletions that may create their target", file: "internal/bulk/request.go",
			old: "\tif guarded {", new: "\tif false {",
			tests: []string{"TestServerDeletionsDoNotCreateTheTarget"},
		},
		{
			name: "documents without their id", file: "internal/bulk/batch.go",
			old: "`{\"index\":{\"_id\":\"`...)", new: "`{\"index\":{\"routing\":\"`...)",
			tests: []string{"TestServerKeepsOddIDs"},
		},
		{
			name: "documents without their version", file: "internal/bulk/batch.go",
			old: "case doc.Version > 0:\n", new: "case false:\n",
			tests: []string{"TestServerVersions"},
		},
		{
			name: "a lookup's key that comes twice", file: "internal/source/table.go",
			old: "\t\treturn errKeyTwice\n", new: "\t\treturn nil\n",
			tests: []string{"TestLookupsThatCannotBeAreRefused"},
		},
		{
			name: "a coalesced field that stays NULL", file: "internal/source/fields.go",
			old: "st.added[at] == nil || isNull(st.added[at])", new: "st.added[at] == nil",
			tests: []string{"TestFieldsOfLookupsAreLeftJoins"},
		},
		{
			name: "a range hint on another column than the id", file: "internal/source/hint.go",
			old: "\t\tif !same {", new: "\t\tif !same && false {",
			tests: []string{"TestHintOnAnotherColumnThanTheIDIsRefused"},
		},
		{
			name: "documents that a pass did not see are forgotten", file: "internal/fingerprint/cursor.go",
			old: "\t\tif !old.seen {\n", new: "\t\tif false {\n",
			tests: []string{"TestRangesAgainstMap"},
		},
		{
			name: "no last pass by content", file: "pipeline/catchup.go",
			old: "case r.correctBy(ctx, mark, byVersion, maxCorrections):", new: "case r.correctBy(ctx, mark, byVersion, maxCorrections) && false:",
			tests: []string{"TestWhatPassesCompareBy"},
		},
		{
			name: "a new day compared by version", file: "pipeline/catchup.go",
			old: "now.Day != earlier.Day", new: "now.Day == \"never\"",
			tests: []string{"TestWhatPassesCompareBy"},
		},
		{
			name: "doubles overwrite one another", file: "internal/bulk/settle.go",
			old: "if s.loader.opts.Fresh && !it.resent && stop == nil {", new: "if false {",
			tests: []string{"TestServerNamesADouble"},
		},
		{
			name: "rejected documents not counted", file: "internal/bulk/settle.go",
			old: "\t\tcase rejected, split:\n\t\t\ts.loader.fail(answers[i].failure(b.id(it)))\n", new: "\t\tcase rejected, split:\n",
			tests: []string{"TestServerRejectsDocuments"},
		},
		{
			name: "busy servers lose documents", file: "internal/bulk/settle.go",
			old: "\t\t\tkept = b.keep(kept, start, it)\n", new: "\t\t\t_ = start\n",
			tests: []string{"TestEveryDocumentArrivesWhateverHappens"},
		},
	}
}

// corrections: what may be written to the index that readers see.
func corrections() []mutant {
	const refused = "TestCorrectionThatAGateRefusesWritesNothing"
	return []mutant{
		{
			name: "corrections without gates", file: "pipeline/correction.go",
			old: "	return p.Gates.Judge(p.Change)\n", new: "	return nil\n",
			tests: []string{refused},
		},
		{
			name: "corrections of a source that was read in part", file: "pipeline/correction.go",
			old: "if p.Read != p.Counted {", new: "if p.Read < 0 {",
			tests: []string{refused},
		},
		{
			name: "corrections judged after the first write", file: "pipeline/correction.go",
			old:   "	if err := permit.judge(); err != nil {\n		return w, err\n	}\n",
			new:   "	defer func() { err = errors.Join(err, permit.judge()) }()\n",
			tests: []string{refused},
		},
		{
			name: "each correction judged by the one before", file: "pipeline/catchup.go",
			old: "Before: r.most, After: counted,", new: "Before: min(r.most, r.prints.Len()), After: counted,",
			tests: []string{"TestCorrectionsTogetherStayWithinTheGate"},
		},
		{
			name: "writes of others taken for this run's", file: "pipeline/untouched.go",
			old: "return known && own.SeqNo == now.SeqNo && own.PrimaryTerm == now.PrimaryTerm", new: "return true || known && own == now",
			tests: []string{"TestNewerEditOfALiveWriterSurvivesTheCorrection"}, in: "cmd/reindex",
		},
		{
			name: "own writes after the swap forgotten", file: "pipeline/untouched.go",
			old: "	o.after[xxh3.HashString(id)] = ", new: "	o.after[xxh3.HashString(id)+1] = ",
			tests: []string{"TestLastEditsArriveWhateverBecomesOfSource"}, in: "internal/compat",
		},
		{
			name: "acts without a record", file: "cmd/reindex/act.go",
			old: "\trecorder.End(ctx, ending)\n", new: "\t_ = ctx\n",
			tests: []string{"TestEveryActIsInTheHistory"},
		},
		{
			name: "a limit of rejections for each load", file: "internal/bulk/loader.go",
			old: "		total = l.opts.Failed()\n", new: "		total = max(total, 0*l.opts.Failed())\n",
			tests: []string{"TestRejectedDocumentsShareOneLimit"}, in: "pipeline",
		},
	}
}

// proofs: what an index must be before it goes live.
func proofs() []mutant {
	const accounting = "TestRunThatCannotAccountForEveryDocumentDoesNotSwap"
	const gates = "TestGatesKeepAnIncompleteSourceFromGoingLive"
	return []mutant{
		{
			name: "count of the snapshot ignored", file: "pipeline/load.go",
			old: "n != r.report.Read {", new: "n < 0 {",
			tests: []string{accounting},
		},
		{
			name: "count of the index ignored", file: "pipeline/verify.go",
			old: "documents < least || documents > most {", new: "least > most {",
			tests: []string{accounting},
		},
		{
			name: "gate max_shrink open", file: "pipeline/gates.go",
			old: "float64(missing) > g.MaxShrink*float64(c.Before) {", new: "float64(missing) > float64(c.Before) {",
			tests: []string{gates},
		},
		{
			name: "a gate that is off counts all the same", file: "pipeline/verify.go",
			old: "	if r.opts.Gates.shrinkOff() {\n		return \"\", 0, nil\n	}\n", new: "",
			tests: []string{"TestLiveIndexThatCannotBeCounted"}, in: "cmd/reindex",
		},
		{
			name: "lists may be emptied", file: "pipeline/gates.go",
			old: "counted && float64(missing) > g.MaxShrink*float64(before) {", new: "counted && float64(missing) > float64(before) {",
			tests: []string{"TestListThatShrinksIsAGate"},
		},
		{
			name: "lists not counted where versions are compared", file: "pipeline/catchup.go",
			old: "\treturn len(r.report.Lists) > 0 && ", new: "\treturn len(r.report.Lists) < 0 && ",
			tests: []string{"TestListThatIsEmptiedDuringARun"},
		},
		{
			name: "gate max_orphans open", file: "pipeline/gates.go",
			old: "if rows <= *g.MaxOrphans {", new: "if rows >= 0 {",
			tests: []string{"TestRowsWithoutADocumentCanBeAGate"},
		},
		{
			name: "gate min_documents open", file: "pipeline/gates.go",
			old: "case c.After < g.MinDocuments:", new: "case c.After < 0:",
			tests: []string{gates},
		},
		{
			name: "gate empty open", file: "pipeline/gates.go",
			old: "case c.After == 0 && g.MinDocuments > 0:", new: "case c.After < 0:",
			tests: []string{gates},
		},
	}
}

// comparisons: what a catch-up pass need not read.
func comparisons() []mutant {
	return []mutant{
		{
			name: "vanished rows not looked for", file: "internal/changes/compare.go",
			old: "c.document(t, all-added < before)", new: "c.document(t, false)",
			tests: []string{"TestTraps"},
		},
		{
			name: "catalogs not compared", file: "internal/changes/compare.go",
			old: "c.newer.names); what != \"\" {", new: "c.newer.names); what == \"-\" {",
			tests: []string{"TestTraps"},
		},
		{
			name: "catalog not read once more", file: "internal/changes/mark.go",
			old: "m.signature.differs(now, m.names); what != \"\" {", new: "m.signature.differs(now, m.names); what == \"-\" {",
			tests: []string{"TestTraps"},
		},
		{
			name: "a key without proof", file: "internal/changes/keys.go",
			old: "if f.unbound[t] || ", new: "if ",
			tests: []string{"TestKeys"},
		},
	}
}
