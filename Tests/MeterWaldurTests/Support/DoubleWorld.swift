import Foundation

@testable import WaldurDouble

/// The double without its HTTP server, on a clock that the test moves. In a file of its own, since the
/// double has names that Meter has, too.
struct DoubleWorld: Sendable {
    static let providerToken = String(repeating: "a", count: 40)
    static let otherToken = String(repeating: "b", count: 40)
    static let buyerToken = String(repeating: "d", count: 40)

    static let customer = "c0000000000000000000000000000001"
    static let resources = [
        "11111111111111111111111111111111", "22222222222222222222222222222222",
        "33333333333333333333333333333333",
    ]
    static let offering = "0ff00000000000000000000000000001"

    let state: DoubleState

    /// One offering with components that are billed by usage, one without a price, one with a limit amount
    /// and one that is fixed; two plans; three resources of one customer on plan Standard.
    init(
        milliseconds: Int64,
        activated: String = "2026-11-10T00:00:00Z",
        isOwner: Bool = false,
        timeZone: String? = nil
    ) throws {
        state = DoubleState(clock: .standing(Moment(micros: milliseconds * 1000)))
        var fixture = Self.fixture(activated: activated)
        fixture.timeZone = timeZone
        if isOwner { fixture.users?[0].roles = [.init(role: "owner", customer: "Provider")] }
        try state.load(fixture)
    }

    /// The same with so many resources, all on plan Standard.
    init(milliseconds: Int64, resourceCount: Int) throws {
        state = DoubleState(clock: .standing(Moment(micros: milliseconds * 1000)))
        var fixture = Self.fixture(activated: "2026-11-10T00:00:00Z")
        fixture.offerings?[0].components
            .append(.init(type: "output_tokens", measuredUnit: "token"))
        fixture.offerings?[0].plans[0].prices["output_tokens"] = "0.0000100000"
        fixture.offerings?[0].plans[1].prices["output_tokens"] = "0.0000100000"
        fixture.resources = (0..<resourceCount).map { index in
            .init(
                name: "r\(index)",
                offering: "Agent",
                project: "One",
                plan: "Standard",
                uuid: Self.resource(index),
                created: "2026-11-10T00:00:00Z"
            )
        }
        try state.load(fixture)
    }

    /// The uuid of one of many resources.
    static func resource(_ index: Int) -> String {
        let digits = String(index, radix: 16)
        return "e" + String(repeating: "0", count: 31 - digits.count) + digits
    }

    static func fixture(activated: String) -> Fixture {
        var fixture = Fixture()
        fixture.customers = [.init(name: "Provider"), .init(name: "Buyer", uuid: customer)]
        fixture.projects = [.init(name: "One", customer: "Buyer")]
        fixture.users = [
            .init(
                username: "meter",
                token: providerToken,
                roles: [.init(role: "manager", offering: "Agent")]
            ),
            .init(
                username: "other",
                token: otherToken,
                roles: [.init(role: "owner", customer: "Provider")]
            ),
            .init(
                username: "buyer",
                token: buyerToken,
                fullName: "Buyer Test",
                roles: [.init(role: "owner", customer: "Buyer")]
            ),
        ]
        fixture.offerings = [
            .init(
                name: "Agent",
                customer: "Provider",
                components: [
                    .init(type: "agent_calls", measuredUnit: "call"),
                    .init(type: "input_tokens", measuredUnit: "token"),
                    .init(type: "tool_seconds", measuredUnit: "s"),
                    .init(
                        type: "capped",
                        measuredUnit: "u",
                        limitPeriod: "total",
                        limitAmount: 100
                    ),
                    .init(type: "unpriced", measuredUnit: "u"),
                    .init(type: "base_fee", billingType: "fixed"),
                ],
                plans: [
                    .init(
                        name: "Standard",
                        prices: [
                            "agent_calls": "0.02", "input_tokens": "0.0000031250",
                            "tool_seconds": "0.01", "capped": "1", "base_fee": "2",
                        ],
                        quotas: ["base_fee": 1]
                    ),
                    .init(
                        name: "Premium",
                        prices: [
                            "agent_calls": "0.01", "input_tokens": "0.0000012345",
                            "tool_seconds": "0.01", "capped": "1", "base_fee": "1",
                        ],
                        quotas: ["base_fee": 1]
                    ),
                ],
                uuid: offering
            )
        ]
        fixture.resources = resources.enumerated().map { index, uuid in
            .init(
                name: "r\(index)",
                offering: "Agent",
                project: "One",
                plan: "Standard",
                uuid: uuid,
                created: activated
            )
        }
        return fixture
    }

    func setClock(milliseconds: Int64) {
        state.with { $0.clock.set(Moment(micros: milliseconds * 1000), ticking: false) }
    }

    /// Answers one request as the HTTP server would.
    func answer(
        _ method: String,
        _ target: String,
        body: String,
        token: String
    ) async -> (status: Int, headers: [String: String], body: [UInt8]) {
        let parts = target.split(separator: "?", maxSplits: 1)
        let path = String(parts[0])
        let request = APIRequest(
            method: method,
            path: path,
            query: APIRequest.query(parts.count > 1 ? String(parts[1]) : ""),
            authorization: "Token \(token)",
            host: "waldur",
            body: Array(body.utf8)
        )
        var headers = ["date": state.now.httpDate]
        guard let (endpoint, key) = Self.endpoint(path) else {
            headers["content-type"] = "text/html; charset=utf-8"
            return (404, headers, Array("<h1>Not Found</h1>".utf8))
        }
        let answer = await API(state: state).answer(request, at: endpoint, key: key)
        for (name, value) in answer.headers { headers[name.lowercased()] = value }
        switch answer.body {
        case .empty: return (answer.status, headers, [])
        case .json(let json):
            headers["content-type"] = "application/json"
            return (answer.status, headers, Array(json.text.utf8))
        case .html(let text):
            headers["content-type"] = "text/html; charset=utf-8"
            return (answer.status, headers, Array(text.utf8))
        }
    }

    /// The endpoint of a path; one without a key in it comes first.
    private static func endpoint(_ path: String) -> (Endpoint, key: String)? {
        if let exact = Endpoint.all.first(where: { $0.path == path }) { return (exact, "") }
        let wanted = path.split(separator: "/")
        for endpoint in Endpoint.all {
            let pattern = endpoint.path.split(separator: "/")
            guard pattern.count == wanted.count else { continue }
            var key = ""
            let matches = zip(pattern, wanted).allSatisfy { part, given in
                if part == "{uuid}" { key = String(given) }
                return part == "{uuid}" || part == given
            }
            if matches { return (endpoint, key) }
        }
        return nil
    }

    /// What stands in Waldur: "resource planPeriod component month" → usage.
    var rows: [String: String] {
        state.with { content in
            var rows: [String: String] = [:]
            for row in content.model.usages.rows {
                let key = row.key
                rows[
                    "\(key.resource.hex) \(key.planPeriod?.hex ?? "-") \(row.type) "
                        + key.month.name.prefix(7)
                ] = row.usage.text(places: 2)
            }
            return rows
        }
    }

    /// The quantities that are billed: "resource component month" → all its items, in order of making.
    var billed: [String: [String]] {
        state.with { content in
            var billed: [String: [String]] = [:]
            for item in content.model.items.rows {
                let month = content.model.invoices[item.invoice]?.month.name.prefix(7) ?? ""
                billed["\(item.resource.hex) \(item.type) \(month)", default: []]
                    .append(item.quantity.text(places: 2))
            }
            return billed
        }
    }

    /// The unit prices of what is billed: "resource component month" → all its items, in order of making.
    var prices: [String: [String]] {
        state.with { content in
            var prices: [String: [String]] = [:]
            for item in content.model.items.rows {
                let month = content.model.invoices[item.invoice]?.month.name.prefix(7) ?? ""
                prices["\(item.resource.hex) \(item.type) \(month)", default: []]
                    .append(item.unitPrice.text(places: 2))
            }
            return prices
        }
    }

    /// What `invoices.create_monthly_invoices` does, at the double's present time.
    func runMonthlyTask() throws {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            try content.model.runMonthlyTask()
        }
    }

    /// Announces a price of plan Standard for the next month, and leaves the others as they are.
    func announce(_ component: String, hundredths: Int) throws {
        try state.with { content in
            guard let plan = content.model.plans.rows.first(where: { $0.name == "Standard" })
            else { throw Refusal.notFound("Plan") }
            content.model.plans.update(plan.id) {
                $0.prices[component]?.futurePrice = Decimal10(hundredths: Int128(hundredths))
            }
        }
    }

    func switchPlan(_ resource: String, to name: String) throws {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            guard let plan = content.model.plans.rows.first(where: { $0.name == name }),
                let resource = ID(resource)
            else { throw Refusal.notFound("Plan") }
            try content.model.switchPlan(of: resource, to: plan.id)
        }
    }

    /// The buyer orders a termination, which waits for the provider.
    func orderTermination(_ resource: String) throws -> String {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            let model = content.model
            guard let id = ID(resource), let resource = model.resources[id],
                let user = model.users.rows.first(where: { model.mayOrder($0, for: resource) })
            else { throw Refusal.notFound("Resource") }
            return try content.model.order(resource, switchTo: nil, by: user).id.hex
        }
    }

    /// Somebody approves an order in Waldur's own pages.
    func approve(_ order: String) throws {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            guard let id = ID(order), let order = content.model.orders[id],
                let user = content.model.users.rows.first
            else { throw Refusal.notFound("Order") }
            try content.model.approve(order, by: user)
        }
    }

    /// The buyer orders one more, and the provider has approved it.
    func addResource(_ name: String, uuid: String) throws {
        var fixture = Fixture()
        fixture.resources = [
            .init(name: name, offering: "Agent", project: "One", plan: "Standard", uuid: uuid)
        ]
        try state.load(fixture)
    }

    /// The buyer announces when a resource ends.
    func setEnd(of resource: String, _ day: String) {
        state.with { content in
            if let id = ID(resource) { content.model.resources.update(id) { $0.endDate = day } }
        }
    }

    /// The same of the only project.
    func setProjectEnd(_ day: String) {
        state.with { content in
            for project in content.model.projects.rows {
                content.model.projects.update(project.id) { $0.endDate = day }
            }
        }
    }

    /// Staff sets what a resource's invoice items of a component have.
    func editUsage(of resource: String, _ component: String, hundredths: Int) throws {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            guard let id = ID(resource) else { throw Refusal.notFound("Resource") }
            for item in content.model.items(of: id) where item.type == component {
                try content.model.setQuantity(Decimal10(hundredths: Int128(hundredths)), of: item)
            }
        }
    }

    func terminate(_ resource: String) {
        state.with { content in
            content.model.begin(at: content.clock.now())
            if let resource = ID(resource) { content.model.terminate(resource) }
        }
    }

    /// What another reporter would send.
    func report(
        _ resource: String,
        _ component: String,
        _ amount: String,
        token: String = otherToken
    ) async -> Int {
        await answer(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            body: "{\"resource\":\"\(resource)\",\"usages\":[{\"type\":\"\(component)\","
                + "\"amount\":\"\(amount)\"}]}",
            token: token
        ).status
    }
}

/// The double behind a real socket, on the system's time plus an offset.
struct ServedDouble: Sendable {
    let world: DoubleWorld
    let port: Int

    /// Serves while `body` runs.
    static func with<Value: Sendable>(
        _ world: DoubleWorld,
        _ body: @Sendable (ServedDouble) async throws -> Value
    ) async throws -> Value {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await WaldurDoubleServer(state: world.state).run(port: 0) { port in
                    continuation.yield(port)
                }
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            let value = try await body(ServedDouble(world: world, port: port))
            group.cancelAll()
            return value
        }
    }

    /// The next calls to a path end in a status, after taking effect or without.
    func fail(_ path: String, status: Int, applies: Bool, count: Int = 1, retryAfter: Int? = nil) {
        world.state.with {
            $0.faults.append(
                Fault(
                    path: path,
                    status: status,
                    applies: applies,
                    count: count,
                    retryAfter: retryAfter
                )
            )
        }
    }

    func slow(changedComponentMilliseconds: Int?) {
        world.state.with { $0.latency = Latency(changedComponent: changedComponentMilliseconds) }
    }

    /// Lets the double's clock run from a moment.
    func startClock(milliseconds: Int64) {
        world.state.with { $0.clock.set(Moment(micros: milliseconds * 1000), ticking: true) }
    }
}
