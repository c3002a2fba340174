import Foundation

@testable import WaldurDouble

/// One provider with one offering, two buyers, three resources: the world of the rule tests.
enum SmallWorld {
    static let providerToken = String(repeating: "a", count: 40)
    static let secondToken = String(repeating: "b", count: 40)
    static let staffToken = String(repeating: "c", count: 40)
    static let buyerToken = String(repeating: "d", count: 40)

    static let first = "11111111111111111111111111111111"
    static let second = "22222222222222222222222222222222"
    /// Of the second buyer.
    static let third = "33333333333333333333333333333333"
    /// Without plan period.
    static let unplanned = "44444444444444444444444444444444"

    static let usageTypes = ["agent_calls", "input_tokens", "capped"]

    static let standard = [
        "agent_calls": "0.02", "input_tokens": "0.0000031250", "capped": "2", "base_fee": "2",
        "seats": "10", "switch_fee": "4",
    ]
    static let premium = [
        "agent_calls": "0.01", "input_tokens": "0.0000012345", "capped": "1", "base_fee": "1",
        "seats": "5", "switch_fee": "2",
    ]

    static func fixture(activated: String = "2026-11-10T00:00:00Z") -> Fixture {
        var fixture = Fixture()
        fixture.customers = [
            .init(name: "Provider"), .init(name: "Buyer One"), .init(name: "Buyer Two"),
        ]
        fixture.projects = [
            .init(name: "One", customer: "Buyer One"), .init(name: "Two", customer: "Buyer Two"),
        ]
        fixture.users = [
            .init(username: "staff", token: staffToken, staff: true),
            .init(
                username: "provider",
                token: providerToken,
                roles: [.init(role: "owner", customer: "Provider")]
            ),
            .init(
                username: "reporter",
                token: secondToken,
                roles: [.init(role: "manager", offering: "Agent")]
            ),
            .init(
                username: "buyer",
                token: buyerToken,
                roles: [.init(role: "owner", customer: "Buyer One")]
            ),
        ]
        fixture.offerings = [
            .init(
                name: "Agent",
                customer: "Provider",
                components: [
                    .init(type: "agent_calls"), .init(type: "input_tokens"),
                    .init(type: "capped", limitPeriod: "total", limitAmount: 100),
                    .init(type: "unpriced"), .init(type: "base_fee", billingType: "fixed"),
                    .init(type: "seats", billingType: "limit", limitPeriod: "month"),
                    .init(type: "switch_fee", billingType: "few"),
                ],
                plans: [
                    .init(name: "Standard", prices: standard, quotas: ["base_fee": 1]),
                    .init(name: "Premium", prices: premium, quotas: ["base_fee": 1]),
                ]
            )
        ]
        fixture.resources = [
            resource("first", first, "One", activated),
            resource("second", second, "One", activated),
            resource("third", third, "Two", activated),
            resource("unplanned", unplanned, "Two", activated, planned: false),
        ]
        return fixture
    }

    private static func resource(
        _ name: String,
        _ uuid: String,
        _ project: String,
        _ created: String,
        planned: Bool = true
    ) -> Fixture.ResourceEntry {
        .init(
            name: name,
            offering: "Agent",
            project: project,
            plan: "Standard",
            uuid: uuid,
            limits: ["seats": 2],
            created: created,
            hasPlanPeriod: planned
        )
    }

    static func report(_ resource: String, _ amounts: (String, String)...) -> String {
        let usages = amounts.map { "{\"type\":\"\($0.0)\",\"amount\":\"\($0.1)\"}" }
        return "{\"resource\":\"\(resource)\",\"usages\":[\(usages.joined(separator: ","))]}"
    }
}

extension RunningDouble {
    /// Reports as the provider and returns the status.
    func report(
        _ resource: String,
        _ amounts: (String, String)...,
        token: String = SmallWorld.providerToken
    ) async throws -> Int {
        let usages = amounts.map { "{\"type\":\"\($0.0)\",\"amount\":\"\($0.1)\"}" }
        return try await send(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            token: token,
            body: "{\"resource\":\"\(resource)\",\"usages\":[\(usages.joined(separator: ","))]}"
        ).status
    }

    func list(_ target: String, token: String = SmallWorld.providerToken) async throws -> [JSON] {
        try await send("GET", target, token: token).json?.array ?? []
    }

    /// Items of one resource and component in a month, from the test controls.
    func items(_ resource: String, _ type: String, _ month: String) async throws -> [JSON] {
        let dump = try await send("GET", "/double/dump").json
        return (dump?["items"]?.array ?? []).filter {
            text($0, "resource_uuid") == resource && text($0, "type") == type
                && text($0, "month") == month
        }
    }
}
