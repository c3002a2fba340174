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
    /// Answers by status.
    var outcomes: [Int: Int] = [:]
    /// Plan period uuids by resource, in order.
    var periods: [String: [String]] = [:]

    static let names = [
        SmallWorld.first, SmallWorld.second, SmallWorld.third, SmallWorld.unplanned,
    ]

    init(seed: UInt64) throws {
        random = SeededRandom(state: seed)
        now = Moment(year: 2026, month: 11, day: 20)
        state = DoubleState(clock: .standing(now))
        try state.load(SmallWorld.fixture())
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
            let customer = name == SmallWorld.first || name == SmallWorld.second ? "One" : "Two"
            let planned = name != SmallWorld.unplanned
            naive.resources[name] = .init(
                customer: customer,
                plan: "Standard",
                period: planned ? 0 : -1,
                seats: 2
            )
            if planned { naive.planOfPeriod[name] = [0: "Standard"] }
        }
        naive.monthlyTask(["Provider", "One", "Two"])
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

    mutating func step() async throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<13: try await report()
        case 13, 14: advance()
        case 15, 16: try switchPlan()
        case 17, 18: try announce()
        default: task()
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
        let name = Self.names[Int.random(in: 0..<4, using: &random)]
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
        let status = try await post(
            "/api/marketplace-component-usages/set_usage/",
            body: body
        )
        let outcome = naive.report(name, period: period, amounts)
        #expect(status == outcome.rawValue, "\(body)")
        outcomes[status, default: 0] += 1
    }

    private func post(_ path: String, body: String) async throws -> Int {
        let endpoint = try #require(Endpoint.all.first { $0.path == path })
        return await api.answer(
            APIRequest(
                method: "POST",
                path: path,
                query: [],
                authorization: "Token \(SmallWorld.providerToken)",
                host: "test",
                body: Array(body.utf8)
            ),
            at: endpoint,
            key: ""
        ).status
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
        let name = Self.names[Int.random(in: 0..<4, using: &random)]
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
        naive.monthlyTask(["Provider", "One", "Two"])
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
        let items = model.items.rows.map { item -> NaiveWaldur.Item in
            let month = model.invoices[item.invoice]?.month
            let usage = SmallWorld.usageTypes.contains(item.details.componentType)
            return NaiveWaldur.Item(
                resource: item.resource.hex,
                type: item.details.componentType,
                month: (month?.year ?? 0) * 12 + (month?.number ?? 0) - 1,
                price: Int(item.unitPrice.units),
                quantity: usage ? Int(item.quantity.units / 100_000_000) : 0,
                isUsage: usage
            )
        }
        let (mine, expected) = (counts(items), counts(naive.items))
        let differing = Set(mine.keys).union(expected.keys).filter { mine[$0] != expected[$0] }
        try #require(differing.isEmpty, "items \(place)")
        for item in model.items.rows
        where SmallWorld.usageTypes.contains(item.details.componentType) {
            let expected = NaiveWaldur.Item(
                resource: "",
                type: "",
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
    func `random reports, switches, prices and month turns leave the rows and items of the rules`()
        async throws
    {
        var outcomes: [Int: Int] = [:]
        var billedTwice = 0
        for seed in 0..<60 {
            var history = try History(seed: UInt64(seed))
            try history.check("seed \(seed) at the start")
            for step in 0..<60 {
                try await history.step()
                try history.check("seed \(seed) after step \(step)")
            }
            outcomes.merge(history.outcomes, uniquingKeysWith: +)
            billedTwice += history.naive.attached.keys.count { history.naive.cutOff.contains($0) }
        }
        // The histories reach every outcome, and rows of ended periods that were billed again.
        for status in [201, 400, 500] { #expect(outcomes[status, default: 0] > 25) }
        #expect(billedTwice > 10)
    }
}
