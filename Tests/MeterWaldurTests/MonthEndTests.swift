import Meter
import MeterWaldur
import MeterWire
import Testing

/// Silence around the turn of the month.
@Suite struct MonthEndTests {
    private static let november = "2026-11-30T22:30:00Z"

    private func simulation(_ text: String, zone: ZoneOffset = .utc) throws -> Simulation {
        let simulation = try Simulation(at: #require(WaldurTime.parse(text)), zone: zone)
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        return simulation
    }

    @Test func `nothing is sent in the last hour, nor after it until a person resumes`()
        async throws
    {
        let simulation = try simulation(Self.november)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        await simulation.advance(milliseconds: 31 * 60_000)
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        guard case .silent(let ending) = simulation.reporter.window(at: simulation.moment) else {
            Issue.record("not silent")
            return
        }
        #expect(ending.reason == .monthEnding)
        let status = simulation.reporter.status(at: simulation.moment)
        #expect(status.state == .held && status.heldRows == 1)
        #expect(status.detail.contains("2026-11-30T23:00:00Z"))
        #expect(status.detail.contains("report resume 2026-12"))
        #expect(ending.since.map(WaldurTime.text) == "2026-11-30T23:00:00Z")
        #expect(ending.resume?.description == "2026-12")

        await simulation.advance(milliseconds: 3 * 3_600_000)
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        guard case .silent(let turned) = simulation.reporter.window(at: simulation.moment) else {
            Issue.record("not silent")
            return
        }
        #expect(turned.reason == .notResumed && turned.resume?.description == "2026-12")

        let december = try #require(BillingMonth("2026-12"))
        try simulation.engine.book([
            .reportingResumed(ReportingResumption(waldur: Simulation.waldur, month: december))
        ])
        await simulation.cycle()
        // November's tail is not told as December's: its own month is over.
        #expect(simulation.shown(0, "agent_calls") == ["3.00", "5.00"])
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `a restart does not forget that a month has ended`() async throws {
        let simulation = try simulation(Self.november)
        await simulation.cycle()
        await simulation.advance(milliseconds: 20 * 86_400_000)
        simulation.crash()
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        #expect(simulation.transport.writeCount == 1)
    }

    @Test func `a new installation waits where the month has just begun`() async throws {
        let simulation = try simulation("2026-12-01T02:00:00Z")
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 0)
        await simulation.advance(milliseconds: 5 * 3_600_000)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
    }

    @Test func `the month is Waldur's, by its clock and its zone`() async throws {
        // 22:30 in Greenwich is half past midnight two hours east of it.
        let east = try simulation(Self.november, zone: #require(ZoneOffset("+02:00")))
        await east.cycle()
        guard case .silent(let silence) = east.reporter.window(at: east.moment) else {
            Issue.record("not silent")
            return
        }
        #expect(silence.reason == .monthYoung && silence.resume?.description == "2026-12")
        // And Waldur's clock may be half an hour ahead of ours.
        let ahead = try simulation(Self.november)
        ahead.transport.change { $0.skewMilliseconds = 31 * 60_000 }
        await ahead.cycle()
        #expect(ahead.transport.writeCount == 0)
    }

    @Test func `an intent that finds the hour has struck is not sent`() async throws {
        let simulation = try simulation("2026-11-30T22:59:58Z")
        var intended = false
        for _ in 0..<60 where !intended {
            let action = simulation.next()
            let event = await simulation.perform(action)
            if case .book(let decisions) = action,
                decisions.contains(where: { $0.kind == .submissionIntended })
            {
                intended = true
                await simulation.advance(milliseconds: 5_000)
            }
            simulation.handle(event)
        }
        #expect(intended)
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 0)
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `an unknown outcome of the old month is settled in the new one`() async throws {
        for fault in [DoubleTransport.Fault.answerLost, .lost] {
            let simulation = try simulation("2026-11-30T22:57:00Z")
            simulation.transport.change { $0.writes = [fault] }
            await simulation.send()
            simulation.crash()
            await simulation.advance(milliseconds: 3 * 3_600_000)
            await simulation.quiesce()
            #expect(simulation.book.openIntents.isEmpty)
            let key = try #require(simulation.book.submissions.values.first?.keys.first)
            #expect((simulation.book.submission(key)?.confirmed != nil) == (fault == .answerLost))
        }
    }

    @Test func `with no answer there is no clock, and without a clock nothing is sent`() throws {
        let settings = ReporterSettings(waldur: "main")
        let window = ReportingWindow.at(
            Simulation.midMonth,
            clock: nil,
            settings: settings,
            resumed: nil,
            lastReported: nil
        )
        #expect(window.month == nil)
        #expect(window.description.contains("clock"))
    }

    /// Every hour of two years, against arithmetic by another way.
    @Test func `the window is open exactly outside the last hour of a month that was resumed`()
        throws
    {
        let settings = ReporterSettings(waldur: "main")
        let start = try #require(WaldurTime.parse("2027-01-01T00:30:00Z"))
        for hour in 0..<(2 * 365 * 24) {
            let now = start.advanced(byMilliseconds: Int64(hour) * 3_600_000)
            let clock = WaldurClock(date: now, sent: now, received: now)
            let month = try #require(BillingMonth(of: now, in: .utc))
            let window = ReportingWindow.at(
                now,
                clock: clock,
                settings: settings,
                resumed: month,
                lastReported: nil
            )
            let inAnHour = now.advanced(byMilliseconds: 3_600_000)
            let isLast = BillingMonth(of: inAnHour, in: .utc) != month
            #expect((window.month == month) == !isLast, "\(WaldurTime.text(now))")
            let unresumed = ReportingWindow.at(
                now,
                clock: clock,
                settings: settings,
                resumed: nil,
                lastReported: BillingMonth(year: 2026, month: 12)
            )
            #expect(unresumed.month == nil)
        }
    }
}
