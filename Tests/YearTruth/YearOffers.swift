/// What is sold: three offerings that measure the same components in different units.
package struct YearOffer: Sendable {
    package struct Component: Sendable {
        package let name: String
        /// As the offering calls its unit.
        package let unit: String
        /// How many of Meter's smallest units make one of it.
        package let size: Int
        /// Only calls that ended in one of these are billed; nil: all.
        package var bills: [String]?
    }

    package struct Plan: Sendable {
        package let name: String
        /// By component, as of January.
        package let prices: [String: String]
    }

    package let name: String
    package let site: Site
    package let number: Int
    package let components: [Component]
    /// The first is what is ordered.
    package let plans: [Plan]

    package static let chat = YearOffer(
        name: "Chat",
        site: .north,
        number: 1,
        components: [
            Component(name: "agent_calls", unit: "call", size: 1),
            Component(name: "input_tokens", unit: "ktoken", size: 1000),
        ],
        plans: [
            Plan(
                name: "Chat Standard",
                prices: ["agent_calls": "0.02", "input_tokens": "0.0312500000"]
            ),
            Plan(
                name: "Chat Premium",
                prices: ["agent_calls": "0.01", "input_tokens": "0.0123450000"]
            ),
        ]
    )

    package static let tools = YearOffer(
        name: "Tools",
        site: .north,
        number: 2,
        components: [
            Component(name: "agent_calls", unit: "call", size: 1, bills: ["ok", "cached"]),
            Component(name: "tool_seconds", unit: "s", size: 1000),
        ],
        plans: [
            Plan(
                name: "Tools Standard",
                prices: ["agent_calls": "0.05", "tool_seconds": "0.0075000000"]
            )
        ]
    )

    package static let vision = YearOffer(
        name: "Vision",
        site: .east,
        number: 3,
        components: [
            Component(name: "images", unit: "image", size: 1),
            Component(name: "input_tokens", unit: "Mtoken", size: 1_000_000),
        ],
        plans: [
            Plan(
                name: "Vision Standard",
                prices: ["images": "0.1500000000", "input_tokens": "24.5000000000"]
            )
        ]
    )

    package static let all = [chat, tools, vision]

    package func component(_ name: String) -> Component? {
        components.first { $0.name == name }
    }
}
