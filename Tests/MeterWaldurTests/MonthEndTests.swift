import Meter
import MeterWaldur
import MeterWire
import Testing

/// What is sent, cut and carried around the turn of the month.
@Suite struct MonthEndTests {
    private static let evening = "2026-11-30T23:00:00Z"

    private func simulation(
        _ text: String = evening,
        zone: WaldurZone = .utc,
        announcing: Bool = false
    ) throws -> Simulation {
        let simulation = try Simulation(at: #require(WaldurTime.parse(text)), zone: zone)
        if announcing { try simulation.world.announce("agent_calls", hundredths: 5) }
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        return simulation
    }

    /// Lives through the evening: 7 are told in time, 2 are used when nothing can be told any more.
    private func throughMidnight(_ simulation: Simulation) async {
        await simulation.run(until: "2026-11-30T23:50:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.run(until: "2026-11-30T23:59:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        simulation.use("agent_calls", 2, by: "researcher")
        await simulation.run(until: "2026-12-01T00:00:05Z")
    }

    private func isSilent(
        _ simulation: Simulation,
        _ reason: ReportingWindow.Silence.Reason
    ) -> Bool {
        guard case .silent(let silence) = simulation.reporter.window(at: simulation.moment) else {
            return false
        }
        return silence.reason == reason
    }

    @Test func `a month is told to the guard, its tail is cut, and lands at an equal price`()
        async throws
    {
        let simulation = try simulation()
        await throughMidnight(simulation)
        try simulation.world.runMonthlyTask()
        let writes = simulation.transport.writeCount
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.run(until: "2026-12-01T00:29:00Z")
        #expect(simulation.transport.writeCount == writes)
        #expect(isSilent(simulation, .notTurned))
        #expect(simulation.carries == ["2026-11 agent_calls tail 2.00 waits"])
        let november = try #require(BillingMonth("2026-11"))
        #expect(simulation.book.billing.isCut(november, of: Simulation.waldur))

        await simulation.run(until: "2026-12-01T00:45:00Z")
        #expect(simulation.carries == ["2026-11 agent_calls tail 2.00 landed"])
        #expect(simulation.shown(0, "agent_calls") == ["7.00", "7.00"])
        // Everything is told once, zeros included.
        #expect(simulation.shown(0, "input_tokens") == ["0.00"])
        #expect(simulation.book.billing.turned[Simulation.waldur]?.evidence == .delay)
        #expect(simulation.reporter.status(at: simulation.moment).state == .reporting)
    }

    @Test(arguments: [0, 4]) func `nothing is sent before an announced price is the price`(
        hoursLate: Int64
    ) async throws {
        let simulation = try simulation(announcing: true)
        await throughMidnight(simulation)
        if hoursLate == 0 { try simulation.world.runMonthlyTask() }
        let writes = simulation.transport.writeCount
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.run(until: "2026-12-01T00:29:00Z")
        #expect(simulation.transport.writeCount == writes)
        if hoursLate > 0 {
            await simulation.run(until: "2026-12-01T03:59:00Z")
            #expect(simulation.transport.writeCount == writes)
            try simulation.world.runMonthlyTask()
        }
        await simulation.run(until: hoursLate > 0 ? "2026-12-01T04:15:00Z" : "2026-12-01T00:45:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["5.00", "7.00"])
        #expect(simulation.prices(0, "agent_calls", "2026-12") == ["0.05"])
        #expect(simulation.book.billing.turned[Simulation.waldur]?.evidence == .prices)
        // At another price nothing lands by itself.
        #expect(simulation.carries == ["2026-11 agent_calls tail 2.00 waits"])
        let status = simulation.reporter.status(at: simulation.moment)
        #expect(status.waitingCarries == 1 && status.detail.contains("meterctl carry list"))
    }

    @Test
    func `a monthly task that failed is an alarm, and nothing is sent until a person says so`()
        async throws
    {
        let simulation = try simulation(announcing: true)
        await throughMidnight(simulation)
        let writes = simulation.transport.writeCount
        await simulation.run(until: "2026-12-03T00:00:00Z")
        #expect(simulation.transport.writeCount == writes)
        #expect(isSilent(simulation, .turnUnseen))
        let status = simulation.reporter.status(at: simulation.moment)
        #expect(status.state == .held && status.detail.contains("create_monthly_invoices"))
        #expect(status.detail.contains("report resume 2026-12"))
        simulation.use("agent_calls", 5, by: "researcher")
        try simulation.engine.book([
            .reportingResumed(
                ReportingResumption(
                    waldur: Simulation.waldur,
                    month: #require(BillingMonth("2026-12"))
                )
            )
        ])
        await simulation.run(until: "2026-12-03T00:10:00Z")
        // The price is still the old one, so that the tail lands, too.
        #expect(simulation.shown(0, "agent_calls") == ["7.00", "7.00"])
    }

    @Test
    func `a month that Waldur turns after it was told is an incident for each invoice item`()
        async throws
    {
        let simulation = try simulation(announcing: true)
        await throughMidnight(simulation)
        // A person is wrong: the task has not run.
        simulation.use("agent_calls", 5, by: "researcher")
        try simulation.engine.book([
            .reportingResumed(
                ReportingResumption(
                    waldur: Simulation.waldur,
                    month: #require(BillingMonth("2026-12"))
                )
            )
        ])
        await simulation.run(until: "2026-12-01T01:00:00Z")
        #expect(simulation.prices(0, "agent_calls", "2026-12") == ["0.02"])
        #expect(simulation.book.billing.incidents.isEmpty)
        try simulation.world.runMonthlyTask()
        await simulation.run(until: "2026-12-01T01:20:00Z")
        let incidents = simulation.book.billing.incidents.map(\.incident)
        #expect(incidents.map(\.kind) == [.beforeTurn])
        let incident = try #require(incidents.first)
        #expect(
            incident.key.month.description == "2026-12" && incident.key.component == "agent_calls")
        // Five of December and the two that were carried into it at the old price.
        #expect(incident.quantity == Hundredths(700))
        #expect(incident.frozenPrice == "0.02" && incident.duePrice == "0.05")
        // Waldur holds the item to it whatever is told later, and it is not found twice.
        simulation.use("agent_calls", 1, by: "researcher")
        await simulation.run(until: "2026-12-01T02:00:00Z")
        #expect(simulation.prices(0, "agent_calls", "2026-12") == ["0.02"])
        #expect(simulation.book.billing.incidents.count == 1)
        let status = simulation.reporter.status(at: simulation.moment)
        #expect(status.incidents == incidents)
        #expect(
            status.detail.contains("before-turn")
                && status.detail.contains("period preview 2026-12"))
        // What is closed is in its statement.
        try simulation.engine.book([
            .periodCut(
                PeriodCut(waldur: Simulation.waldur, month: incident.key.month, position: 1)
            ),
            .periodClosed(
                PeriodClosed(
                    waldur: Simulation.waldur,
                    month: incident.key.month,
                    tenant: Simulation.tenant,
                    revision: 1,
                    statement: BookHash.zero.description,
                    previous: nil
                )
            ),
        ])
        #expect(simulation.book.openIncidents(of: Simulation.waldur, in: .utc).isEmpty)
    }

    @Test func `a final flush that does not fit is told of from three days before`() async throws {
        let simulation = try simulation("2026-11-25T12:00:00Z")
        await simulation.cycle()
        let forecast = try #require(simulation.reporter.flushForecast(at: simulation.moment))
        #expect(forecast.month.description == "2026-11" && forecast.resources == 1)
        #expect(WaldurTime.text(forecast.guardStart) == "2026-11-30T23:58:00Z")
        #expect(forecast.turnMilliseconds != nil && forecast.fits && !forecast.hasBegun)
        // Nothing is sent in the last twenty minutes, which is more than a tail is meant to be.
        simulation.settings.guardMilliseconds = 1_200_000
        simulation.crash()
        func warning() -> String? {
            simulation.reporter.status(at: simulation.moment).flushWarning
        }
        await simulation.run(until: "2026-11-27T23:59:30Z")
        #expect(warning() == nil)
        await simulation.run(until: "2026-11-28T00:00:30Z")
        let text = try #require(warning())
        #expect(text.hasPrefix("the final flush of 2026-11 takes"))
        #expect(text.contains("(1 resource, ") && text.contains("more than 20 min"))
        #expect(simulation.reporter.status(at: simulation.moment).detail.contains(text))
        await simulation.run(until: "2026-12-01T00:40:00Z")
        #expect(warning() == nil)
    }

    @Test func `what is left of the month is compared with what the last totals take`() throws {
        let november = try #require(BillingMonth("2026-11"))
        let end = november.end(in: .utc)
        func warning(left: Int64, takes: Int64, hasBegun: Bool = false) -> String? {
            let settings = ReporterSettings(waldur: "main", tailMillisecondsMax: 86_400_000)
            let guardStart = end.advanced(byMilliseconds: -settings.guardMilliseconds)
            return FlushForecast(
                month: november,
                start: guardStart.advanced(byMilliseconds: -takes),
                resources: 3,
                turnMilliseconds: nil,
                hasBegun: hasBegun,
                settings: settings
            ).warning(at: guardStart.advanced(byMilliseconds: -left))
        }
        #expect(warning(left: 600_000, takes: 600_000) == nil)
        #expect(warning(left: 600_000, takes: 700_000)?.contains("10 min are left") == true)
        #expect(warning(left: 600_000, takes: 700_000, hasBegun: true) == nil)
        #expect(warning(left: 0, takes: 700_000) == nil)
    }

    @Test func `what comes after the cut is late, and an outage over the boundary has its name`()
        async throws
    {
        let simulation = try simulation()
        await simulation.run(until: "2026-11-30T23:20:00Z")
        simulation.use("agent_calls", 4, by: "researcher")
        let minute = simulation.minute
        // The server is down from here on.
        simulation.crash()
        await simulation.advance(milliseconds: 3 * 3_600_000)
        simulation.crash()
        await simulation.run(until: "2026-12-01T02:45:00Z")
        #expect(simulation.carries == ["2026-11 agent_calls outage 4.00 landed"])
        simulation.engine.record(
            "agent_calls",
            6,
            agent: "researcher",
            tenant: Simulation.tenant,
            at: minute
        )
        simulation.engine.sync()
        await simulation.run(until: "2026-12-01T04:30:00Z")
        #expect(
            simulation.carries == [
                "2026-11 agent_calls outage 4.00 landed", "2026-11 agent_calls late 6.00 landed",
            ]
        )
        #expect(simulation.shown(0, "agent_calls") == ["10.00", "3.00"])
    }

    @Test func `a total that Waldur files under the next month is an incident, and is healed`()
        async throws
    {
        let simulation = try simulation("2026-11-30T23:57:20Z")
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 200_000)] }
        await simulation.send()
        simulation.crash()
        await simulation.run(until: "2026-12-01T00:20:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        let incidents = simulation.book.billing.incidents.map(\.incident)
        #expect(incidents.map(\.kind) == [.wrongMonth])
        #expect(incidents.first?.quantity == Hundredths(300))
        #expect(incidents.first?.key.month.description == "2026-12")
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.run(until: "2026-12-01T00:50:00Z")
        // November's total was never told in November: it is carried, and December's row is right.
        #expect(simulation.carries.count == 1 && simulation.carries[0].hasSuffix("3.00 landed"))
        #expect(simulation.shown(0, "agent_calls") == ["8.00"])
        #expect(simulation.book.openIntents.isEmpty)
        #expect(simulation.book.billing.incidents.count == 1)
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
        let east = try simulation(
            "2026-11-30T22:30:00Z",
            zone: #require(WaldurZone("+02:00"))
        )
        await east.cycle()
        #expect(isSilent(east, .notTurned) && east.transport.writeCount == 0)
        // And Waldur's clock may be two minutes ahead of ours.
        let ahead = try simulation("2026-11-30T23:57:00Z")
        ahead.transport.change { $0.skewMilliseconds = 2 * 60_000 }
        await ahead.cycle()
        #expect(isSilent(ahead, .monthEnding) && ahead.transport.writeCount == 0)
    }

    /// Lives from ten minutes to midnight to the first totals of December, and dies at one step.
    ///
    /// - Returns: Whether there was such a step.
    private func live(
        _ simulation: Simulation,
        dyingAt step: Int,
        afterStep: Bool
    ) async throws -> Bool {
        let tail = try #require(WaldurTime.parse("2026-11-30T23:59:00Z"))
        let turn = try #require(WaldurTime.parse("2026-12-01T00:00:30Z"))
        let end = try #require(WaldurTime.parse("2026-12-01T00:50:00Z"))
        var ahead = [tail, turn, end]
        var done = 0
        while let next = ahead.first {
            if simulation.now >= next {
                ahead.removeFirst()
                if next == tail { simulation.use("agent_calls", 2, by: "researcher") }
                if next == turn {
                    try simulation.world.runMonthlyTask()
                    simulation.use("agent_calls", 5, by: "researcher")
                }
                continue
            }
            let action = simulation.next()
            if case .rest(let until) = action {
                simulation.handle(await simulation.perform(.rest(until: min(until, next))))
                continue
            }
            let isLast = done == step
            done += 1
            if isLast, !afterStep {
                simulation.crash()
                continue
            }
            let event = await simulation.perform(action)
            if isLast { simulation.crash() } else { simulation.handle(event) }
        }
        return done > step
    }

    @Test(arguments: [false, true])
    func `a crash at any step over the boundary leads to the same figures`(
        afterStep: Bool
    ) async throws {
        var step = 0
        while true {
            // Early enough for an intent that was never sent to be given up and told anew.
            let simulation = try simulation("2026-11-30T23:50:00Z")
            guard try await live(simulation, dyingAt: step, afterStep: afterStep) else { break }
            await simulation.run(until: "2026-12-01T01:45:00Z")
            // Three in time; five of December and the two that nobody could tell any more.
            #expect(simulation.shown(0, "agent_calls") == ["3.00", "7.00"], "step \(step)")
            #expect(simulation.carries.count == 1, "step \(step): \(simulation.carries)")
            #expect(simulation.book.openIntents.isEmpty, "step \(step)")
            #expect(simulation.violations.isEmpty, "step \(step)")
            step += 1
        }
        #expect(step > 50)
    }

    @Test func `an intent that finds the guard reached is not sent`() async throws {
        let simulation = try simulation("2026-11-30T23:57:55Z")
        var intended = false
        for _ in 0..<60 where !intended {
            let action = simulation.next()
            let event = await simulation.perform(action)
            if case .book(let decisions) = action,
                decisions.contains(where: { $0.kind == .submissionIntended })
            {
                intended = true
                await simulation.advance(milliseconds: 8_000)
            }
            simulation.handle(event)
        }
        #expect(intended)
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 0)
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `an unknown outcome of the old month is settled before that month is cut`()
        async throws
    {
        for fault in [DoubleTransport.Fault.answerLost, .lost] {
            let simulation = try simulation("2026-11-30T22:57:00Z")
            simulation.transport.change { $0.writes = [fault] }
            await simulation.send()
            simulation.crash()
            await simulation.advance(milliseconds: 3 * 3_600_000)
            await simulation.quiesce()
            #expect(simulation.book.openIntents.isEmpty)
            let november = try #require(BillingMonth("2026-11"))
            let key = try #require(simulation.book.submissions[november]?.keys.first)
            #expect((simulation.book.submission(key)?.confirmed != nil) == (fault == .answerLost))
            await simulation.cycle()
            #expect(simulation.book.billing.isCut(november, of: Simulation.waldur))
            #expect(simulation.carries.isEmpty == (fault == .answerLost))
        }
    }

    @Test func `with no answer there is no clock, and without a clock nothing is sent`() throws {
        let window = ReportingWindow.at(
            Simulation.midMonth,
            clock: nil,
            settings: ReporterSettings(waldur: "main"),
            turned: nil,
            lastReported: nil
        )
        #expect(window.month == nil)
        #expect(window.description.contains("clock"))
    }

    /// Every hour of two years, against arithmetic by another way.
    @Test func `the window is open exactly before the guard of a month that has turned`() throws {
        var settings = ReporterSettings(waldur: "main")
        settings.guardMilliseconds = 3_600_000
        let start = try #require(WaldurTime.parse("2027-01-01T00:30:00Z"))
        for hour in 0..<(2 * 365 * 24) {
            let now = start.advanced(byMilliseconds: Int64(hour) * 3_600_000)
            let clock = WaldurClock(date: now, sent: now, received: now)
            let month = try #require(BillingMonth(of: now, in: .utc))
            func window(turned: BillingMonth?, reported: BillingMonth?) -> ReportingWindow {
                ReportingWindow.at(
                    now,
                    clock: clock,
                    settings: settings,
                    turned: turned,
                    lastReported: reported
                )
            }
            let inAnHour = now.advanced(byMilliseconds: 3_600_000)
            let isLast = BillingMonth(of: inAnHour, in: .utc) != month
            let open = window(turned: month, reported: nil)
            #expect((open.month == month) == !isLast, "\(WaldurTime.text(now))")
            #expect(window(turned: month.previous, reported: month.previous).month == nil)
        }
    }

    @Test func `what shows a turn is announced prices, then the invoice, then the delay`() throws {
        let settings = ReporterSettings(waldur: "main")
        let december = try #require(BillingMonth("2026-12"))
        func evidence(
            _ minutes: Int64,
            _ change: (inout MonthTurn.Sight) -> Void
        ) -> MonthTurned.Evidence? {
            var sight = MonthTurn.Sight()
            sight.wasSeenBefore = true
            change(&sight)
            return MonthTurn.evidence(
                sight,
                of: december,
                millisecondsIntoMonth: minutes * 60_000,
                settings: settings
            )
        }
        #expect(evidence(29) { _ in } == nil)
        #expect(evidence(30) { _ in } == .delay)
        #expect(evidence(29) { $0.announced = [("0.05", "0.05")] } == nil)
        #expect(evidence(30) { $0.announced = [("0.05", "0.05")] } == .prices)
        #expect(evidence(9999) { $0.announced = [("0.05", "0.05"), ("1", "2")] } == nil)
        #expect(
            evidence(9999) {
                $0.announced = [("1", "2")]
                $0.invoices = [december]
            } == nil
        )
        #expect(evidence(30) { $0.invoices = [december] } == .invoice)
        #expect(evidence(9999) { $0.invoices = [december.previous] } == nil)
        #expect(evidence(359) { $0.wasSeenBefore = false } == nil)
        #expect(evidence(360) { $0.wasSeenBefore = false } == .delay)
    }

    @Test
    func `the last cycle begins by what turns have cost, and half as long again before the guard`()
    {
        var flush = FinalFlush()
        let end = Timestamp(milliseconds: 10_000_000)
        let ten = FinalFlush.Load(resources: 10, components: 10)
        #expect(flush.start(guardStart: end, loads: [ten]).milliseconds == 10_000_000 - 13_125)
        for turn in 1...100 {
            flush.note(milliseconds: Int64(turn) + 200, calls: 200)
            flush.note(callMilliseconds: 200, components: 1)
        }
        for _ in 0..<20 { flush.note(callMilliseconds: 500, components: 4) }
        #expect(flush.turnMilliseconds == 295 && flush.callMilliseconds == 500)
        // 2,000 resources of four components over two accounts, the slower half of which decides.
        let half = FinalFlush.Load(resources: 1_000, components: 4_000)
        let less = FinalFlush.Load(resources: 900, components: 4_500)
        #expect(flush.milliseconds([half, half]) == 1_000 * (95 + 500) * 3 / 2)
        // No call of five was measured: five times what a component took at most.
        #expect(flush.milliseconds([half, less]) == 900 * (95 + 5 * 200) * 3 / 2)
        #expect(flush.milliseconds([]) == 0)
    }
}
