import Meter
import MeterTesting
import MeterWire
import Testing

/// What emitters claim, what is missing, and up to when an answer is complete.
@Suite struct EngineClaimTests {
    /// Up to when an answer about some tenants is complete.
    private func completeThrough(
        _ harness: EngineHarness,
        tenants: Set<Name>? = nil
    ) throws -> Timestamp? {
        var query = UsageQuery.everything
        query.tenants = tenants
        let pending = try harness.engine.query(query, at: harness.now)
        _ = try harness.engine.commit()
        return try #require(harness.engine.answer(pending)).completeThrough
    }

    private func minute(_ minutes: Int64) -> Timestamp {
        EventWorkload.start.advanced(byMilliseconds: minutes * 60_000)
    }

    private func line(
        _ kind: Claim.LineKind,
        of tenant: Name = "acme",
        minutes: ClosedRange<Int64>,
        _ amount: UInt128 = 1
    ) -> Claim.Line {
        Claim.Line(
            kind: kind,
            tenant: tenant,
            component: "agent_calls",
            amount: amount,
            earliest: minute(minutes.lowerBound).milliseconds,
            latest: minute(minutes.upperBound).milliseconds
        )
    }

    @Test func `completeness is unknown before a claim, then follows the claims`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        #expect(try completeThrough(harness) == harness.now)
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call(), .call(minutes: 1)]))
        #expect(try completeThrough(harness) == nil)
        #expect(harness.source(of: maker)?.isUnclean == true)
        harness.receive(maker.claim(Claim(number: 1, recordedCount: 2), at: minute(5)))
        #expect(try completeThrough(harness) == minute(5))
        // The source is silent while the clock goes on.
        harness.now = minute(120)
        #expect(try completeThrough(harness) == minute(5))
        // Events after the claim move nothing, the next claim does.
        harness.receive(maker.frame([.call(minutes: 6)]))
        #expect(try completeThrough(harness) == minute(5))
        harness.receive(maker.claim(Claim(number: 2, recordedCount: 3), at: minute(7)))
        #expect(try completeThrough(harness) == minute(7))
        harness.receive(
            maker.claim(Claim(number: 3, isLast: true, recordedCount: 3), at: minute(8))
        )
        #expect(try completeThrough(harness) == harness.now)
        let summary = try #require(harness.source(of: maker))
        #expect(summary.isEnded)
        #expect(!summary.isUnclean)
        // The least complete source decides.
        var other = FrameMaker(source: 2)
        harness.receive(other.frame([.call()]))
        harness.receive(other.claim(Claim(number: 1, recordedCount: 1), at: minute(3)))
        #expect(try completeThrough(harness) == minute(3))
    }

    @Test func `a claim of the future makes nothing complete that has not happened`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.claim(Claim(number: 1, recordedCount: 0), at: minute(1_000_000)))
        #expect(try completeThrough(harness) == harness.now)
    }

    @Test func `a hole is as old as the earliest unmet line, and unknown without one`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call()]))
        let lost = maker.frame([.call(minutes: 2), .call(minutes: 3)])
        harness.receive(maker.claim(Claim(number: 1, recordedCount: 3), at: minute(5)))
        #expect(try completeThrough(harness) == nil)
        let told = harness.receive(
            maker.claim(
                Claim(number: 2, recordedCount: 3, lines: [line(.pending, minutes: 2...3, 2)]),
                at: minute(6)
            )
        )
        #expect(try completeThrough(harness) == minute(2))
        #expect(harness.acknowledgement(for: told)?.missing == [1..<3])
        #expect(harness.source(of: maker)?.openHoles == [1..<3])
        harness.receive(
            maker.claim(
                Claim(
                    number: 3,
                    linesAreComplete: false,
                    recordedCount: 3,
                    lines: [line(.pending, minutes: 3...3)]
                ),
                at: minute(7)
            )
        )
        #expect(try completeThrough(harness) == nil)
        #expect(harness.receive(lost).disposition == .new)
        #expect(try completeThrough(harness) == minute(7))
        #expect(try harness.totals().sum == 3)
    }

    @Test func `a range given up lets the watermark pass and stays a named hole`() throws {
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk)
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call()]))
        let lost = maker.frame([.call(minutes: 2), .call(minutes: 3)])
        harness.receive(maker.frame([.call(minutes: 4)]))
        let claim = maker.claim(
            Claim(
                number: 1,
                recordedCount: 4,
                lines: [line(.givenUp, minutes: 2...3, 2)],
                givenUp: [1..<3]
            ),
            at: minute(6)
        )
        var told = harness.receive(claim)
        #expect(harness.acknowledgement(for: told)?.durableThrough == 0)
        #expect(harness.acknowledgement(for: told)?.claimNumber == 0)
        _ = try harness.engine.commit()
        for round in 0..<3 {
            let acknowledgement = try #require(harness.acknowledgement(for: told))
            #expect(acknowledgement.durableThrough == 4, "round \(round)")
            #expect(acknowledgement.missing.isEmpty)
            #expect(acknowledgement.claimNumber == 1)
            let summary = try #require(harness.source(of: maker))
            #expect(summary.openHoles.isEmpty)
            #expect(summary.givenUp == [1..<3])
            #expect(try completeThrough(harness) == minute(2))
            if round == 0 { try harness.checkpoint() }
            disk.crash(.nothingKept)
            harness = try harness.reopened()
            told = harness.receive(claim)
            #expect(told.disposition == .duplicate)
        }
        // It arrives after all: counted, and no hole any more.
        #expect(harness.receive(lost).disposition == .new)
        #expect(harness.source(of: maker)?.givenUp == [])
        #expect(try completeThrough(harness) == minute(6))
        #expect(try harness.totals().sum == 4)
        #expect(harness.receive(lost).disposition == .duplicate)
    }

    @Test func `a part of a given-up range that arrives heals nothing but itself`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let first = maker.frame([.call(minutes: 1)])
        _ = maker.frame([.call(minutes: 2)])
        harness.receive(
            maker.claim(
                Claim(
                    number: 1,
                    isLast: true,
                    recordedCount: 2,
                    lines: [line(.givenUp, minutes: 1...2, 2)],
                    givenUp: [0..<2]
                ),
                at: minute(5)
            )
        )
        #expect(harness.receive(first).disposition == .new)
        #expect(harness.source(of: maker)?.givenUp == [0..<2])
        #expect(try completeThrough(harness) == minute(1))
    }

    @Test func `dropped amounts hold back what they may belong to`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call()]))
        harness.receive(
            maker.claim(
                Claim(
                    number: 1,
                    isLast: true,
                    recordedCount: 3,
                    droppedCount: 2,
                    lines: [line(.dropped, minutes: 9...11, 2)]
                ),
                at: minute(20)
            )
        )
        #expect(try completeThrough(harness) == minute(9))
        #expect(harness.source(of: maker)?.claim?.droppedCount == 2)
    }

    @Test func `an older claim changes nothing`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let first = maker.claim(Claim(number: 1, recordedCount: 0), at: minute(1))
        let second = maker.claim(Claim(number: 2, recordedCount: 0), at: minute(2))
        #expect(harness.receive(second).disposition == .new)
        #expect(harness.receive(first).disposition == .duplicate)
        #expect(harness.receive(second).disposition == .duplicate)
        #expect(harness.source(of: maker)?.claim?.number == 2)
        #expect(try completeThrough(harness) == minute(2))
    }

    @Test func `a quarantined source makes nothing complete`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call(), .call()]))
        maker.restart(at: 1)
        harness.receive(maker.frame([.call(), .call()]))
        let outcome = harness.receive(
            maker.claim(Claim(number: 1, isLast: true, recordedCount: 3), at: minute(5))
        )
        #expect(try completeThrough(harness) == nil)
        #expect(harness.acknowledgement(for: outcome)?.isQuarantined == true)
    }

    @Test func `a source touches the tenants that it has named, and no others`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            policy: EngineHarness.policy(tenants: .only(["acme", "nordix", "zeta"]))
        )
        var calm = FrameMaker(source: 1)
        harness.receive(calm.frame([.call(of: "acme")]))
        harness.receive(calm.claim(Claim(number: 1, recordedCount: 1), at: minute(5)))
        var silent = FrameMaker(source: 2)
        harness.receive(silent.frame([.call(of: "nordix"), .call(of: "stranger")]))
        #expect(try completeThrough(harness, tenants: ["acme"]) == minute(5))
        #expect(try completeThrough(harness, tenants: ["nordix"]) == nil)
        #expect(try completeThrough(harness, tenants: ["acme", "nordix"]) == nil)
        #expect(try completeThrough(harness) == nil)
        // Naming somebody else's tenant, which is refused, touches nobody.
        #expect(harness.source(of: silent)?.tenants == ["nordix"])
        #expect(try completeThrough(harness, tenants: ["stranger"]) == harness.now)
        // A claim's unmet lines touch whom they name.
        harness.receive(
            silent.claim(
                Claim(
                    number: 1,
                    recordedCount: 3,
                    droppedCount: 1,
                    lines: [line(.dropped, of: "zeta", minutes: 2...2)]
                ),
                at: minute(4)
            )
        )
        #expect(try completeThrough(harness, tenants: ["zeta"]) == minute(2))
        #expect(try completeThrough(harness, tenants: ["acme"]) == minute(5))
        // A source that has named nobody may have used anybody's of its principal.
        var mute = FrameMaker(source: 3)
        mute.skip(4)
        harness.receive(mute.claim(Claim(number: 1, recordedCount: 4), at: minute(4)))
        #expect(try completeThrough(harness, tenants: ["acme"]) == nil)
        #expect(try completeThrough(harness, tenants: ["stranger"]) == harness.now)
    }

    @Test func `lines with absurd times make completeness unknown, and nothing else`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call()]))
        for (index, earliest) in [Int64.min, -1, 0, .max].enumerated() {
            harness.receive(
                maker.claim(
                    Claim(
                        number: UInt64(index + 1),
                        recordedCount: 2,
                        droppedCount: 1,
                        lines: [
                            Claim.Line(
                                kind: .dropped,
                                tenant: "acme",
                                component: "agent_calls",
                                amount: .max,
                                earliest: earliest,
                                latest: earliest
                            )
                        ]
                    ),
                    at: Timestamp(milliseconds: earliest == .min ? -1 : 0)
                )
            )
            #expect(harness.source(of: maker)?.claim?.number == UInt64(index + 1))
            #expect(try completeThrough(harness) == nil)
        }
        let dump = try harness.engine.canonicalDump()
        try harness.checkpoint()
        #expect(try harness.reopened().engine.canonicalDump() == dump)
    }
}
