import Foundation
import Testing

@testable import WaldurDouble

/// Deterministic random numbers from a seed.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// One random history: the same calls to the double's API and to the naive model.
private struct History {
    var random: SeededRandom
    let state: DoubleState
    let api: API
    let admin: AdminRoutes
    var naive: NaiveWaldur
    var now: Moment
    /// Answers by what was asked and their status.
    var outcomes: [String: Int] = [:]
    /// Plan period uuids by resource, in order.
    var periods: [String: [String]] = [:]
    /// Orders that wait for the provider, and those that wait for the worker. Without a plan: to
    /// terminate.
    var pending: [String: (order: String, plan: String?)] = [:]
    var executing: [String: String?] = [:]
    let isWorkerManual: Bool

    static let names = [
        SmallWorld.first, SmallWorld.second, SmallWorld.third, SmallWorld.unplanned,
    ]
    static let customers = ["Provider", "Buyer One", "Buyer Two"]

    init(seed: UInt64) throws {
        random = SeededRandom(state: seed)
        now = Moment(year: 2026, month: 11, day: 20)
        state = DoubleState(clock: .standing(now))
        try state.load(SmallWorld.fixture())
        isWorkerManual = seed % 2 == 1
        let (state, isManual) = (state, isWorkerManual)
        state.with { $0.workerDelay = isManual ? nil : 0 }
        api = API(state: state)
        admin = AdminRoutes(state: state)
        naive = NaiveWaldur(
            month: 2026 * 12 + 10,
            plans: [
                "Standard": .init(prices: Self.units(SmallWorld.standard)),
                "Premium": .init(prices: Self.units(SmallWorld.premium)),
            ],
            resources: [:]
        )
        for name in Self.names {
            let isOne = name == SmallWorld.first || name == SmallWorld.second
            let planned = name != SmallWorld.unplanned
            naive.resources[name] = .init(
                customer: isOne ? "Buyer One" : "Buyer Two",
                plan: "Standard",
                period: planned ? 0 : -1,
                seats: 2
            )
            if planned { naive.planOfPeriod[name] = [0: "Standard"] }
        }
        naive.monthlyTask(Self.customers)
        readPeriods()
    }

    /// Prices in 1e-10, read without the double's decimals.
    static func units(_ prices: [String: String]) -> [String: Int] {
        prices.mapValues { text in
            let halves = text.split(separator: ".")
            let fraction = halves.count > 1 ? String(halves[1]) : ""
            let padded = fraction + String(repeating: "0", count: 10 - fraction.count)
            return (Int(halves[0]) ?? 0) * 10_000_000_000 + (Int(padded) ?? 0)
        }
    }

    mutating func readPeriods() {
        let model = state.with { $0.model }
        for name in Self.names {
            guard let id = ID(name) else { continue }
            periods[name] = model.planPeriods(of: id).map(\.id.hex)
        }
    }

    private mutating func pick() -> String {
        Self.names[Int.random(in: 0..<4, using: &random)]
    }

    mutating func step() async throws {
        switch Int.random(in: 0..<28, using: &random) {
        case 0..<15: try await report()
        case 15, 16: advance()
        case 17: try switchPlan()
        case 18, 19: try await order()
        case 20, 21: try await decide()
        case 22: try announce()
        case 23: task()
        case 24: Int.random(in: 0..<4, using: &random) == 0 ? close() : try await move()
        case 25, 26: try await edit()
        default: try await compensate()
        }
    }

    private mutating func amount() -> Int {
        switch Int.random(in: 0..<40, using: &random) {
        case 0: return 1_000_000_000_000_00 + Int.random(in: 0...9, using: &random)
        case 1...4: return -Int.random(in: 0...90_000, using: &random)
        case 5...9: return 0
        case 10...13: return [34_00, 70_00][Int.random(in: 0...1, using: &random)]
        default: return Int.random(in: 0...9_999_999, using: &random)
        }
    }

    private mutating func report() async throws {
        let name = pick()
        var amounts: [(type: String, hundredths: Int)] = []
        let types = SmallWorld.usageTypes + ["unpriced", "seats", "agent_calls", "input_tokens"]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let type =
                Int.random(in: 0..<30, using: &random) == 0
                ? "base_fee" : types[Int.random(in: 0..<types.count, using: &random)]
            let size = type == "capped" ? Int.random(in: 0...50_00, using: &random) : amount()
            amounts.append((type, size))
        }
        let known = periods[name] ?? []
        // The naive model counts the periods of a resource that began without one from 0, too.
        let period: Int? =
            known.isEmpty || Bool.random(using: &random)
            ? nil : Int.random(in: 0..<known.count, using: &random)
        let usages = amounts.map { entry in
            let sign = entry.hundredths < 0 ? "-" : ""
            let size = entry.hundredths.magnitude
            let cents = size % 100 < 10 ? "0\(size % 100)" : "\(size % 100)"
            return "{\"type\":\"\(entry.type)\",\"amount\":\"\(sign)\(size / 100).\(cents)\"}"
        }
        let target = period.map { "\"plan_period\":\"\(known[$0])\"" } ?? "\"resource\":\"\(name)\""
        let body = "{\(target),\"usages\":[\(usages.joined(separator: ","))]}"
        let answer = try await call(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            token: SmallWorld.providerToken,
            body: body
        )
        let outcome = naive.report(name, period: period, amounts)
        #expect(answer.status == outcome.rawValue, "\(body)")
        outcomes["report \(answer.status)", default: 0] += 1
    }

    private func call(
        _ method: String,
        _ path: String,
        key: String = "",
        token: String = SmallWorld.staffToken,
        body: String
    ) async throws -> (status: Int, json: JSON) {
        let endpoint = try #require(Endpoint.all.first { $0.path == path })
        let answer = await api.answer(
            APIRequest(
                method: method,
                path: path,
                query: [],
                authorization: "Token \(token)",
                host: "test",
                body: Array(body.utf8)
            ),
            at: endpoint,
            key: key
        )
        guard case .json(let json) = answer.body else { return (answer.status, [:]) }
        return (answer.status, json)
    }

    /// By hours, or by weeks, so that months go by with and without their task.
    private mutating func advance() {
        let hours = Bool.random(using: &random) ? 5 : 24 * 13
        now = now.advanced(bySeconds: Int64(Int.random(in: 1...hours, using: &random)) * 3600)
        state.with { $0.clock.set(now, ticking: false) }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents(
            [.year, .month],
            from: Date(timeIntervalSince1970: Double(now.micros / Moment.second))
        )
        naive.month = (parts.year ?? 0) * 12 + (parts.month ?? 0) - 1
    }

    private mutating func switchPlan() throws {
        let name = pick()
        guard naive.resources[name]?.isTerminated == false else { return }
        let plan = Bool.random(using: &random) ? "Standard" : "Premium"
        let answer = admin.answer(
            "POST",
            "switch-plan",
            Data("{\"resource\":\"\(name)\",\"plan\":\"\(plan)\"}".utf8)
        )
        #expect(answer.status == 200)
        naive.switchPlan(name, to: plan)
        readPeriods()
    }

    private mutating func announce() throws {
        let plan = Bool.random(using: &random) ? "Standard" : "Premium"
        let prices = [
            "agent_calls": "0.0\(Int.random(in: 1...9, using: &random))", "base_fee": "3",
        ]
        let model = state.with { $0.model }
        let id = try #require(model.plans.rows.first { $0.name == plan }).id
        let given = prices.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
        let answer = admin.answer(
            "POST",
            "prices",
            Data("{\"plan\":\"\(id.hex)\",\"prices\":{\(given)}}".utf8)
        )
        #expect(answer.status == 200)
        naive.announce(plan, Self.units(prices))
    }

    private mutating func task() {
        #expect(admin.answer("POST", "monthly-task", Data()).status == 200)
        naive.monthlyTask(Self.customers)
    }

    /// A buyer asks for another plan or for the end; a second order is refused while one is open.
    private mutating func order() async throws {
        let name = pick()
        guard naive.resources[name]?.isTerminated == false else { return }
        let ended = naive.resources.values.count { $0.isTerminated }
        let ends = ended < 2 && Int.random(in: 0..<5, using: &random) == 0
        let plan = Bool.random(using: &random) ? "Standard" : "Premium"
        let id = state.with { $0.model.plans.rows.first { $0.name == plan } }?.id.hex ?? ""
        let answer = try await call(
            "POST",
            "/api/marketplace-resources/{uuid}/\(ends ? "terminate" : "switch_plan")/",
            key: name,
            body: ends ? "{}" : "{\"plan\":\"http://test/plans/\(id)/\"}"
        )
        let isFree = pending[name] == nil && executing[name] == nil
        #expect(answer.status == (isFree ? 200 : 400))
        outcomes["order \(answer.status)", default: 0] += 1
        guard isFree else { return }
        pending[name] = (try #require(answer.json["order_uuid"]?.string), ends ? nil : plan)
    }

    /// The provider decides an order, or the worker comes to those that were approved.
    private mutating func decide() async throws {
        if isWorkerManual, !executing.isEmpty, Bool.random(using: &random) {
            #expect(admin.answer("POST", "worker", Data(#"{"run":true}"#.utf8)).status == 200)
            for name in Self.names {
                if let plan = executing.removeValue(forKey: name) { carryOut(name, plan) }
            }
            return readPeriods()
        }
        guard let name = pending.keys.sorted().first, let waiting = pending[name] else { return }
        let approves = Int.random(in: 0..<4, using: &random) > 0
        let answer = try await call(
            "POST",
            "/api/marketplace-orders/{uuid}/\(approves ? "approve" : "reject")_by_provider/",
            key: waiting.order,
            token: SmallWorld.providerToken,
            body: "{}"
        )
        #expect(answer.status == 200)
        pending[name] = nil
        outcomes[approves ? "approved" : "rejected", default: 0] += 1
        guard approves else { return }
        if isWorkerManual {
            executing[name] = .some(waiting.plan)
        } else {
            carryOut(name, waiting.plan)
            readPeriods()
        }
    }

    private mutating func carryOut(_ name: String, _ plan: String?) {
        if let plan { naive.switchPlan(name, to: plan) } else { naive.terminate(name) }
    }

    /// Staff closes an invoice before the month is over.
    private mutating func close() {
        let customer = Bool.random(using: &random) ? "Buyer One" : "Buyer Two"
        let body = Data("{\"customer\":\"\(customer)\"}".utf8)
        let isOpen = naive.open.contains("\(customer) \(naive.month)")
        let status = admin.answer("POST", "close-invoice", body).status
        #expect(status == (isOpen ? 200 : 404))
        if isOpen { naive.closed.insert("\(customer) \(naive.month)") }
    }

    private mutating func move() async throws {
        let name = pick()
        let target = Bool.random(using: &random) ? "One" : "Two"
        let project =
            state.with { $0.model.projects.rows.first { $0.name == target } }?.id.hex ?? ""
        let answer = try await call(
            "POST",
            "/api/marketplace-resources/{uuid}/move_resource/",
            key: name,
            body: "{\"project\":{\"url\":\"http://test/projects/\(project)/\"}}"
        )
        #expect(answer.status == (naive.move(name, to: "Buyer \(target)") ? 200 : 409))
        outcomes["move \(answer.status)", default: 0] += 1
    }

    /// A usage item that the naive model tells from every other, with its number there.
    private mutating func item() throws -> (id: String, number: Int)? {
        let items = state.with { $0.model.items.rows }
        guard !items.isEmpty else { return nil }
        let item = items[Int.random(in: 0..<items.count, using: &random)]
        let wanted = try plain(item, state.with { $0.model })
        let same = naive.items.indices.filter { naive.items[$0] == wanted }
        return wanted.isUsage && same.count == 1 ? (item.id.hex, same[0]) : nil
    }

    private mutating func edit() async throws {
        guard let item = try item() else { return }
        let cents = Int.random(in: 0...99_999, using: &random)
        let text = "\(cents / 100)." + (cents % 100 < 10 ? "0" : "") + "\(cents % 100)"
        let answer = try await call(
            "PATCH",
            "/api/invoice-items/{uuid}/",
            key: item.id,
            body: "{\"quantity\":\"\(text)\"}"
        )
        #expect(answer.status == (naive.edit(item.number, cents) ? 200 : 500))
        outcomes["edit \(answer.status)", default: 0] += 1
    }

    private mutating func compensate() async throws {
        guard let item = try item() else { return }
        let answer = try await call(
            "POST",
            "/api/invoice-items/{uuid}/create_compensation/",
            key: item.id,
            body: #"{"offering_component_name":"Credit"}"#
        )
        #expect(answer.status == 201)
        naive.compensate(item.number)
        outcomes["compensation", default: 0] += 1
    }

    private func plain(_ item: InvoiceItem, _ model: WaldurModel) throws -> NaiveWaldur.Item {
        let invoice = try #require(model.invoices[item.invoice])
        let usage = SmallWorld.usageTypes.contains(item.type)
        return NaiveWaldur.Item(
            resource: item.resource.hex,
            type: item.type,
            customer: model.customers[invoice.customer]?.name ?? "",
            month: invoice.month.year * 12 + invoice.month.number - 1,
            price: Int(item.unitPrice.units),
            quantity: usage ? Int(item.quantity.units / 100_000_000) : 0,
            isUsage: usage
        )
    }

    /// Rows, usage items and the prices of all items are those of the naive model.
    func check(_ place: String) throws {
        let model = state.with { $0.model }
        var rows: [NaiveWaldur.RowKey: Int] = [:]
        for row in model.usages.rows {
            let name = row.key.resource.hex
            let period = row.key.planPeriod.flatMap { periods[name]?.firstIndex(of: $0.hex) } ?? -1
            let month = row.key.month.year * 12 + row.key.month.number - 1
            let key = NaiveWaldur.RowKey(
                resource: name,
                type: row.type,
                period: period,
                month: month
            )
            rows[key] = Int(row.usage.units / 100_000_000)
        }
        try #require(rows == naive.rows, "rows \(place)")
        let items = try model.items.rows.map { try plain($0, model) }
        let (mine, expected) = (counts(items), counts(naive.items))
        let differing = Set(mine.keys).union(expected.keys).filter { mine[$0] != expected[$0] }
        try #require(differing.isEmpty, "items \(place)")
        for item in model.items.rows
        where SmallWorld.usageTypes.contains(item.type) {
            let expected = NaiveWaldur.Item(
                resource: "",
                type: "",
                customer: "",
                month: 0,
                price: Int(item.unitPrice.units),
                quantity: Int(item.quantity.units / 100_000_000),
                isUsage: true
            )
            #expect(item.price == Decimal10(hundredths: Int128(expected.cost)), "cost \(place)")
        }
        for resource in model.resources.rows {
            var current: [String: Int] = [:]
            for member in resource.currentUsages {
                current[member.key] = Decimal10(member.value.string ?? "").map {
                    Int($0.units / 100_000_000)
                }
            }
            #expect(current == naive.currentUsages[resource.id.hex] ?? [:], "current \(place)")
        }
    }

    private func counts(_ items: [NaiveWaldur.Item]) -> [NaiveWaldur.Item: Int] {
        items.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}

@Suite struct PropertyTests {
    @Test
    func
        `random reports, orders, moves, edits, compensations, prices and month turns leave the rows and items of the rules`()
        async throws
    {
        var outcomes: [String: Int] = [:]
        var billedTwice = 0
        for seed in 0..<60 {
            var history = try History(seed: UInt64(seed))
            try history.check("seed \(seed) at the start")
            for step in 0..<70 {
                try await history.step()
                try history.check("seed \(seed) after step \(step)")
            }
            outcomes.merge(history.outcomes, uniquingKeysWith: +)
            billedTwice += history.naive.attached.keys.count { history.naive.cutOff.contains($0) }
        }
        // The histories reach every outcome, and rows of ended periods that were billed again.
        let reached = [
            "report 201", "report 400", "report 500", "order 200", "order 400", "approved",
            "rejected", "move 200", "move 409", "edit 200", "edit 500", "compensation",
        ]
        for outcome in reached { #expect(outcomes[outcome, default: 0] > 5, "\(outcome)") }
        #expect(billedTwice > 10)
    }
}
