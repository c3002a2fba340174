/// Who buys: 30 tenants in the north, 20 in the east, each with an agent `helper` and a resource that has
/// the tenant's name. What is special of some of them is in the script.
package struct YearTenant: Sendable {
    package let name: String
    package let number: Int
    package let site: Site
    package let offer: YearOffer

    package static let all: [YearTenant] =
        (1...30).map { number in
            YearTenant(
                name: named("n", number),
                number: number,
                site: .north,
                offer: number <= 20 ? .chat : .tools
            )
        }
        + (1...20).map { number in
            YearTenant(name: named("e", number), number: number, site: .east, offer: .vision)
        }

    private static func named(_ letter: String, _ number: Int) -> String {
        letter + (number < 10 ? "0" : "") + "\(number)"
    }

    package static func named(_ name: String) -> YearTenant {
        guard let tenant = all.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is no tenant")
        }
        return tenant
    }
}

/// What is bought: every tenant's own resource, and those that the script orders besides.
package struct YearResource: Sendable {
    package let name: String
    /// Whose it is in January, or when it is ordered.
    package let tenant: YearTenant
    package let number: Int
    /// It is there from the second of January on.
    package let isThereFromStart: Bool

    package static let all: [YearResource] =
        YearTenant.all.map { tenant in
            YearResource(
                name: tenant.name,
                tenant: tenant,
                number: tenant.number,
                isThereFromStart: true
            )
        } + [
            // A second project of n08 that ordered the same agent.
            YearResource(
                name: "n08-b",
                tenant: .named("n08"),
                number: 41,
                isThereFromStart: true
            ),
            // What n10 orders again.
            YearResource(
                name: "n10-new",
                tenant: .named("n10"),
                number: 42,
                isThereFromStart: false
            ),
        ]

    package static func named(_ name: String) -> YearResource {
        guard let resource = all.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is no resource")
        }
        return resource
    }

    package var offer: YearOffer { tenant.offer }
}
