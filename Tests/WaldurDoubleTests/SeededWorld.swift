import Testing

@testable import WaldurDouble

/// The database in which session 00 begins and from which the sessions from 14 on started: accounts,
/// customers and projects; the session itself makes offerings and resources.
struct SeededWorld {
    let seed: Transcript
    private var tokens: [String: String] = [:]

    /// nil where the recordings are missing.
    init?(alsoOf others: [Transcript]) throws {
        guard let seed = try Transcript.load("00-publish-order-approve.json") else { return nil }
        self.seed = seed
        for step in seed.steps + others.flatMap(\.steps) {
            guard let token = step.authorization, token.hasPrefix("Token ") else { continue }
            tokens[step.who] = String(token.dropFirst(6))
        }
    }

    private func fixture() throws -> Fixture {
        let offering = try #require(seed.steps.first { $0.method == "POST" }?.answer)
        let orders = seed.steps.compactMap(\.answer).filter { $0["created_by_username"] != nil }
        let (one, two) = (try #require(orders.first), try #require(orders.dropFirst().first))
        let provider = text(offering, "customer_name")
        var fixture = Fixture()
        fixture.monthOpened = false
        fixture.customers = [
            .init(
                name: provider,
                uuid: text(offering, "customer_uuid"),
                abbreviation: "AGT",
                serviceProviderUUID: ID().hex
            ),
            .init(
                name: text(one, "customer_name"), uuid: text(one, "customer_uuid"),
                abbreviation: "B1"),
            .init(
                name: text(two, "customer_name"), uuid: text(two, "customer_uuid"),
                abbreviation: "B2"),
        ]
        fixture.projects = [one, two].map { order in
            .init(
                name: text(order, "project_name"),
                customer: text(order, "customer_name"),
                uuid: text(order, "project_uuid")
            )
        }
        // The numbers are those that recorded rows show as `modified_by`.
        fixture.users = [
            user("staff", "Staff Test", number: 6, staff: true),
            user("provider", "Provider Test", number: 7, owns: provider),
            user("buyer", "Buyer Test", number: 8, owns: text(one, "customer_name")),
            user("buyer2", "Buyer2 Test", number: 9, owns: text(two, "customer_name")),
        ]
        return fixture
    }

    private func user(
        _ name: String,
        _ fullName: String = "",
        number: Int,
        staff: Bool = false,
        owns customer: String? = nil
    ) -> Fixture.UserEntry {
        .init(
            username: name,
            token: tokens[name] ?? name,
            fullName: fullName,
            number: number,
            staff: staff,
            roles: customer.map { [.init(role: "owner", customer: $0)] }
        )
    }

    /// Runs `body` with a double to which session 00 was replayed, and with what corresponds to what.
    func with(_ body: @Sendable (inout Replay) async throws -> Void) async throws {
        let start = seed.steps[0].time ?? Moment(micros: 0)
        let fixture = try fixture()
        let steps = seed.steps
        let users = (fixture.users ?? []).map { ($0.username, $0.token) }
        let conditions = Replay.Conditions(
            // Right after both approvals the worker had not come to the order, and to what the plugin
            // makes behind the other resources until shortly before the end.
            beforeWorker: Set([13, 20] + (39...47)),
            tokens: Dictionary(users) { first, _ in first }
        )
        try await RunningDouble.with(clock: .standing(start)) { double in
            // Keys of the rows that the recorded server had made before.
            double.state.with {
                $0.model.lastInvoice = 2
                $0.model.lastPlanPrice = 52
            }
            try double.state.load(fixture)
            var replay = Replay(double)
            try await replay.run(steps, file: "00", conditions)
            try await body(&replay)
            replay.expectNoDifferences()
        }
    }
}
