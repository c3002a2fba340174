import Meter
@testable import MeterWaldur
import MeterWire
import Testing

/// Each typed call against the double, which answers as recorded sessions with a real Waldur did.
@Suite struct ClientCallTests {
    private let world: DoubleWorld
    /// The owner of the provider.
    private let client: WaldurClient
    private let november: BillingMonth
    private let offering: OfferingID
    private let resource: ResourceID

    init() throws {
        world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        client = WaldurClient(transport: WorldTransport(world: world)) { Simulation.midMonth }
        november = try #require(BillingMonth("2026-11"))
        offering = try #require(OfferingID(DoubleWorld.offering))
        resource = try #require(ResourceID(DoubleWorld.resources[0]))
    }

    /// What the buyer does in HomePort.
    private func buy(_ target: String, _ body: String) async -> Int {
        await world.answer("POST", target, body: body, token: DoubleWorld.buyerToken).status
    }

    private func switchPlan() async throws {
        let plan = try #require(
            try await client.offering(offering).plans.first { $0.name == "Premium" }
        )
        let status = await buy(
            "/api/marketplace-resources/\(resource)/switch_plan/",
            "{\"plan\":\"http://w/plans/\(plan.id)/\"}"
        )
        #expect(status == 200)
    }

    @Test func `an order that waits is found, approved once and then done`() async throws {
        #expect(try await client.orders(of: offering).isEmpty)
        try await switchPlan()
        let waiting = try await client.orders(of: offering)
        let order = try #require(waiting.first)
        #expect(waiting.count == 1 && order.resource == resource && order.type == "Update")
        #expect(order.waitsForProvider && order.isOpen && order.endsPlanPeriod)
        #expect(order.oldPlan != nil && order.oldPlan != order.newPlan)
        #expect(order.customer == CustomerID(DoubleWorld.customer))
        #expect(order.createdBy == "Buyer Test" && order.created <= order.modified)
        #expect(try await client.planPeriods(of: resource).count == 1)

        try await client.approve(order.id)
        #expect(try await client.order(order.id).state == "done")
        #expect(try await client.orders(of: offering).isEmpty)
        #expect(try await client.orders(resource: resource, in: ["done"]).count == 2)
        let periods = try await client.planPeriods(of: resource).map(\.period)
        #expect(periods.map { $0.end == nil } == [false, true])
        await #expect(throws: WaldurError.self) { try await client.approve(order.id) }
    }

    @Test func `a termination ends the plan period, a change of limits does not`() async throws {
        #expect(await buy("/api/marketplace-resources/\(resource)/terminate/", "{}") == 200)
        let order = try #require(try await client.orders().first)
        #expect(order.type == "Terminate" && order.endsPlanPeriod && order.oldPlan == nil)
        try await client.approve(order.id)
        #expect(try await client.resource(resource).takesUsage == false)
    }

    @Test func `a resource shows its names, its project and what was ordered`() async throws {
        let all = try await client.resources(of: offering)
        #expect(all.map(\.id.description) == DoubleWorld.resources)
        let one = try await client.resource(resource)
        #expect(one == all.first)
        #expect(one.name == "r0" && one.slug == "r0-1" && one.customerName == "Buyer")
        #expect(one.projectName == "One" && one.project != nil && one.backendID.isEmpty)
        #expect(one.attributes == ["name": "r0"])
        #expect(one.created == WaldurTime.parse("2026-11-10T00:00:00Z"))
        #expect(one.endDate == nil && one.announcedEnd == nil)
    }

    @Test func `an offering shows components, plans and prices, announced ones too`() async throws {
        let all = try await client.offerings()
        let one = try await client.offering(offering)
        #expect(all == [one] && one.type == "Marketplace.Basic" && one.state == "Active")
        #expect(one.usageComponents.map(\.description).contains("tool_seconds"))
        let plan = try #require(one.plans.first { $0.name == "Standard" })
        #expect(plan.prices["input_tokens"] == ExactDecimal("0.000003125"))
        #expect(plan.futurePrices.isEmpty && plan.resourceCount == 3)
    }

    @Test func `items and invoices of a month are those of the provider and of its own`()
        async throws
    {
        #expect(await world.report(DoubleWorld.resources[0], "agent_calls", "1.5") == 201)
        let items = try await client.invoiceItems(of: offering, in: november)
        let usage = try #require(items.first { $0.billingType == "usage" })
        #expect(items.count == 4 && usage.resource == resource && usage.component == "agent_calls")
        #expect(usage.quantity == ExactDecimal("1.5") && usage.price == ExactDecimal("0.03"))
        #expect(usage.total == usage.price && usage.offering == offering && usage.project != nil)
        #expect(usage.resourceName == "r0" && usage.measuredUnit == "call")
        let buyer = CustomerID(DoubleWorld.customer)
        #expect(try await client.invoiceItems(of: offering, in: november, customer: buyer) == items)
        let nobody = CustomerID("00000000000000000000000000000000")
        #expect(try await client.invoiceItems(of: offering, in: november, customer: nobody).isEmpty)
        let december = try #require(BillingMonth("2026-12"))
        #expect(try await client.invoiceItems(of: offering, in: december).isEmpty)

        let invoices = try await client.invoices(in: november)
        #expect(invoices.count == 1 && invoices.first?.state == "pending")
        #expect(try await client.invoices() == invoices)
        #expect(try await client.invoices(in: december).isEmpty)
    }

    @Test(arguments: [
        ("7.3.0", true, false), ("8.1.3", true, true), ("8.2.0-rc.1", true, true),
        ("8", false, true),
        ("", false, false), ("x.y", false, false), ("-1.0", false, false),
    ])
    func `a version is two numbers`(text: String, isVersion: Bool, takesDate: Bool) {
        let version = WaldurVersion(text)
        #expect((version != nil) == isVersion)
        if let version { #expect(version.takesDate == takesDate) }
    }

    @Test(arguments: ["2026-12-20", "2024-02-29", "1970-01-01", "9999-12-31"])
    func `an end date is a day of the calendar`(text: String) {
        #expect(WaldurDay(text)?.description == text)
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-1-01", "2026-12-00", "+026-12-01", "2026-12-20T00:00:00Z",
    ])
    func `what is no day of the calendar is none`(text: String) {
        #expect(WaldurDay(text) == nil)
    }

    @Test func `a day begins by Waldur's clock`() throws {
        let day = try #require(WaldurDay("2026-12-20"))
        let east = try #require(WaldurZone("+02:00"))
        #expect(WaldurTime.text(day.start(in: east)) == "2026-12-19T22:00:00Z")
    }

    @Test func `a newer Waldur is told which month is meant`() throws {
        var call = SetUsageCall(
            resource: resource,
            planPeriod: try #require(PlanPeriodID(DoubleWorld.resources[1])),
            items: [.init(component: "a", amount: try #require(Hundredths("2")), description: "")]
        )
        let old = try JSONParser.parse(Array(call.body.utf8))
        #expect(old["date"] == nil && old["usages"]?.array?.first?["recurring"] == .bool(false))
        call.form = .dated(try #require(WaldurTime.parse("2026-11-30T22:00:00Z")))
        let new = try JSONParser.parse(Array(call.body.utf8))
        #expect(new["date"]?.string == "2026-11-30T22:00:00Z")
        let item = try #require(new["usages"]?.array?.first)
        #expect(item["missing_usage_policy"]?.string == "none" && item["recurring"] == nil)
        #expect(item["amount"]?.string == "2.00" && new["resource"] == old["resource"])
    }
}
