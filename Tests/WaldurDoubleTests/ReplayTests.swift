import Foundation
import Testing

@testable import WaldurDouble

/// The double against what a real Waldur answered. Where the recordings are missing, each test
/// says so and compares nothing.
@Suite(.serialized) struct ReplayTests {
    private struct Sessions {
        var first: Transcript
        var usage: Transcript
        var plan: Transcript

        init?() throws {
            guard let first = try Transcript.load("01-auth-pagination-errors.json"),
                let usage = try Transcript.load("02-set-usage.json"),
                let plan = try Transcript.load("05-plan-switch-and-plan-periods.json")
            else { return nil }
            (self.first, self.usage, self.plan) = (first, usage, plan)
        }

        /// The offering stands in the third session, the resource in the second, all on one server.
        func world() throws -> RecordedWorld {
            let offering = try #require(plan.steps[2].answer)
            let resource = try #require(usage.steps[0].answer)
            var world = RecordedWorld(
                offering: offering,
                resource: resource,
                steps: first.steps + usage.steps + plan.steps
            )
            let period = try #require(usage.steps[1].answer?.array?.first)
            world.fixture.resources?[0].activated = text(period, "start")
            world.fixture.resources?[0].planPeriodUUID = text(period, "uuid")
            world.addResource(named: "basic-r2", in: usage.steps[9].answer?.array ?? [])
            return world
        }

        var serviceProvider: String? {
            usage.steps[9].answer?.array?.first?["details"]?["service_provider_uuid"]?.string
        }

        var start: Moment { first.steps[0].time ?? Moment(micros: 0) }
    }

    @Test func `session 01, on accounts, paging and errors, is answered as recorded`() async throws
    {
        guard let sessions = try Sessions() else { return }
        var world = try sessions.world()
        // Four orders existed; their uuids are all that the session shows of them.
        let orders = (sessions.first.steps[6].answer?.array ?? []).map { text($0, "uuid") }
        #expect(orders.count == 4)
        let model = try #require(world.fixture.resources?.first)
        world.fixture.resources = orders.enumerated().map { index, order in
            var resource = model
            resource.uuid = nil
            resource.planPeriodUUID = nil
            resource.name = "resource \(index)"
            resource.orderUUID = order
            resource.created = sessions.start.advanced(bySeconds: Int64(index) - 60).zulu
            resource.activated = nil
            return resource
        }
        let (prepared, steps) = (world, sessions.first.steps)
        try await RunningDouble.with(clock: .standing(sessions.start)) { double in
            try prepared.load(into: double.state, serviceProvider: sessions.serviceProvider)
            var replay = Replay(double)
            try await replay.run(steps, file: "01")
            replay.expectNoDifferences()
        }
    }

    @Test func `sessions 02 and 03, on set_usage good and bad, are answered as recorded`()
        async throws
    {
        guard let sessions = try Sessions(),
            let invalid = try Transcript.load("03-set-usage-invalid.json")
        else { return }
        var world = try sessions.world()
        let named = RecordedWorld(
            offering: [:],
            resource: [:],
            steps: invalid.steps
        )
        for (index, user) in (world.fixture.users ?? []).enumerated() {
            if let token = named.token(user.username) { world.fixture.users?[index].token = token }
        }
        let prepared = world
        try await RunningDouble.with(clock: .standing(sessions.start)) { double in
            try prepared.load(into: double.state, serviceProvider: sessions.serviceProvider)
            var replay = Replay(double)
            try await replay.run(sessions.usage.steps, file: "02")
            try await replay.run(invalid.steps, file: "03")
            replay.expectNoDifferences()
        }
    }

    @Test func `session 05, on a plan switch in mid-month, is answered as recorded`() async throws {
        guard let sessions = try Sessions() else { return }
        try await afterPlanSwitch(sessions) { _, _ in }
    }

    @Test
    func
        `sessions 06, 07, 12, 10 and 11, on late components, user usage, filters and the month's end, are answered as recorded`()
        async throws
    {
        guard let sessions = try Sessions(),
            let late = try Transcript.load("06-late-component-and-prices.json"),
            let users = try Transcript.load("07-user-usage.json"),
            let filters = try Transcript.load("12-filters-and-concurrency.json"),
            let rollover = try Transcript.load("10-month-rollover.json"),
            let clash = try Transcript.load("11-compensation-clash.json")
        else { return }
        let writer = filters.steps[13].answer?.array?.last.map { text($0, "uuid") }
        // The monthly task has no step of its own.
        var turn = rollover.steps
        turn.insert(.task("invoices.create_monthly_invoices"), at: 6)
        let prepared = turn
        try await afterPlanSwitch(sessions, writer: writer, later: filters) { replay, world in
            try await replay.run(late.steps, file: "06")
            try await replay.run(users.steps, file: "07")
            try await replay.run(filters.steps, file: "12")
            // The last of the forty concurrent reports that session 12 counts.
            let token = world.token("provider") ?? ""
            let resource = replay.double.state.with { content in
                content.model.resources.rows.first { $0.name == "basic-r2" }?.id.hex
            }
            let reported = try await replay.double.report(
                try #require(resource),
                ("agent_calls", "41"),
                token: token
            )
            #expect(reported == 201)
            var conditions = Replay.Conditions()
            conditions.tokens = Dictionary(
                (world.fixture.users ?? []).map { ($0.username, $0.token) },
                uniquingKeysWith: { first, _ in first }
            )
            conditions.dump = DatabaseDump.differences
            conditions.clock = [
                0: Moment(micros: Moment(year: 2026, month: 12, day: 1).micros - Moment.second),
                2: Moment(year: 2026, month: 12, day: 1).advanced(bySeconds: 3),
                8: Moment(year: 2026, month: 12, day: 1).advanced(bySeconds: 600),
            ]
            try await replay.run(prepared, file: "10", conditions)
            conditions.clock = [:]
            try await replay.run(clash.steps, file: "11", conditions)
        }
    }

    /// Replays session 05, and whatever came after it on the same server.
    private func afterPlanSwitch(
        _ sessions: Sessions,
        writer: String? = nil,
        later: Transcript? = nil,
        _ body: @Sendable (inout Replay, RecordedWorld) async throws -> Void
    ) async throws {
        var world = try sessions.world()
        let steps = sessions.plan.steps
        let items = steps[1].answer?.array ?? []
        world.addResource(named: "hook-r1", in: items)
        let update = try #require(steps[4].answer?.array?.first)
        world.fixture.projects?[0].description = text(update, "project_description")
        // A fourth resource had the plan: its order was rejected, so nothing was ever billed.
        var rejected = try #require(world.fixture.resources?.last)
        (rejected.name, rejected.uuid, rejected.orderUUID) = ("hook-r2", nil, nil)
        (rejected.billed, rejected.state) = (false, "Terminated")
        world.fixture.resources?.append(rejected)
        if let writer {
            world.addWriter(uuid: writer)
            world.fixture.customers.append(.init(name: "Hook customer"))
        }
        if let staff = later?.steps.first(where: { $0.who == "staff" })?.authorization {
            world.fixture.users?[0].token = String(staff.dropFirst(6))
        }
        let prepared = world
        try await RunningDouble.with(clock: .standing(sessions.start)) { double in
            try prepared.load(into: double.state, serviceProvider: sessions.serviceProvider)
            try await Self.reportEarlier(steps, to: double, prepared)
            var replay = Replay(double)
            try await replay.run(steps, file: "05")
            try await body(&replay, prepared)
            replay.expectNoDifferences()
        }
    }

    /// Reports what the session's first answers show as reported before it: each row once when it
    /// was created and once more, with the rows of the same time, when it was last written.
    private static func reportEarlier(
        _ steps: [Transcript.Step],
        to double: RunningDouble,
        _ world: RecordedWorld
    ) async throws {
        struct Report {
            var time: Moment
            var who = "provider"
            var resource: String
            var rows: [(type: String, usage: String)]
        }
        let resource = world.fixture.resources?.first?.uuid ?? ""
        let rows = steps[0].answer?.array?.first?["components"]?.array ?? []
        let staffWritten = Set(
            (steps[9].answer?.array ?? []).filter { $0["modified_by"] == 1 }
                .map { text($0, "date") }
        )
        var reports: [Report] = []
        for row in rows {
            let pair = (text(row, "type"), text(row, "usage"))
            let created = try #require(Moment(text(row, "created")))
            reports.append(Report(time: created, resource: resource, rows: [pair]))
        }
        for (date, group) in Dictionary(grouping: rows, by: { text($0, "date") }) {
            let time = try #require(Moment(date))
            reports.append(
                Report(
                    time: time,
                    who: staffWritten.contains(date) ? "staff" : "provider",
                    resource: resource,
                    rows: group.map { (text($0, "type"), text($0, "usage")) }
                )
            )
        }
        reports.sort { $0.time < $1.time }
        for report in reports {
            double.setClock(report.time)
            let usages = report.rows.map { "{\"type\":\"\($0.type)\",\"amount\":\"\($0.usage)\"}" }
            let answer = try await double.send(
                "POST",
                "/api/marketplace-component-usages/set_usage/",
                token: world.fixture.users?.first { $0.username == report.who }?.token,
                body:
                    "{\"resource\":\"\(report.resource)\",\"usages\":[\(usages.joined(separator: ","))]}"
            )
            #expect(answer.status == 201)
        }
        try await reportHook(steps, to: double, world)
    }

    /// One more resource had been reported once and terminated before the session.
    private static func reportHook(
        _ steps: [Transcript.Step],
        to double: RunningDouble,
        _ world: RecordedWorld
    ) async throws {
        let item = (steps[1].answer?.array ?? []).first { item in
            text(item, "resource_name") == "hook-r1" && item["billing_type"]?.string == "usage"
        }
        let usage = try #require(item)
        let start = try #require(Moment(text(usage, "start")))
        let resource = text(usage, "resource_uuid")
        double.setClock(start.advanced(bySeconds: 1))
        let amount = try #require(Decimal10(text(usage, "quantity")))
        let reported = try await double.send(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            token: world.token("provider"),
            body: """
                {"resource":"\(resource)","usages":\
                [{"type":"input_tokens","amount":"\(amount.text(places: 2))"}]}
                """
        )
        #expect(reported.status == 201)
        double.setClock(start.advanced(bySeconds: 60))
        let ordered = try await double.send(
            "POST",
            "/api/marketplace-resources/\(resource)/terminate/",
            token: world.token("buyer"),
            body: "{}"
        )
        let order = text(try #require(ordered.json), "order_uuid")
        let approved = try await double.send(
            "POST",
            "/api/marketplace-orders/\(order)/approve_by_provider/",
            token: world.token("provider"),
            body: "{}"
        )
        #expect(approved.status == 200)
    }
}
