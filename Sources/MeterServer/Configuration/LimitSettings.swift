internal import Meter

/// The settings of what every tenant and every principal may have: `limits.tenant.…`,
/// `limits.principal.…`, by the names that the book and `meterctl limits` use.
///
/// Their defaults are the engine's. For single tenants and principals the book has values of their own.
extension Settings {
    struct OfLimit: Sendable {
        let kind: Kind
        let limit: Limit
        let setting: Setting

        enum Kind: String { case tenant, principal }
    }

    static let ofLimits: [OfLimit] =
        Limit.ofTenants.map { of(.tenant, $0, LimitRules().tenant) }
        + Limit.ofPrincipals.map { of(.principal, $0, LimitRules().principal) }

    private static func of(
        _ kind: OfLimit.Kind,
        _ limit: Limit,
        _ defaults: LimitValues
    ) -> OfLimit {
        let (unit, help) = text(limit, of: kind)
        return OfLimit(
            kind: kind,
            limit: limit,
            setting: Setting(
                ["limits", kind.rawValue, limit.rawValue],
                .count(0...1_000_000_000_000_000),
                default: defaults[limit].map { String($0) },
                unit: unit,
                help + " 0 for no limit."
            )
        )
    }

    private static func text(
        _ limit: Limit,
        of kind: OfLimit.Kind
    ) -> (unit: String, help: String) {
        let whose = kind == .tenant ? "A tenant's" : "A principal's"
        let portal = kind == .tenant ? ", with portal tokens" : ""
        return switch limit {
        case .eventsPerSecond:
            (
                "events",
                "\(whose) events a second; beyond, TCP stops reading, UDP defers and HTTP answers 429."
            )
        case .bytesPerSecond: ("bytes", "\(whose) bytes a second; beyond, likewise.")
        case .agents: ("names", "\(whose) names of agents; events of new ones beyond are refused.")
        case .components:
            ("names", "\(whose) names of components; events of new ones beyond are refused.")
        case .sources:
            (
                "sources",
                "\(whose) emitter processes so far; frames of new ones beyond are deferred."
            )
        case .connections:
            (
                "connections",
                "\(whose) open TCP connections; one more is closed after its first frame."
            )
        case .requests:
            ("requests", "\(whose) HTTP requests at once\(portal); one more is answered 429.")
        case .identifiers:
            (
                "ids",
                "\(whose) ids of HTTP events in the last 72 hours; beyond, 429. Each takes 29 bytes on "
                    + "disk and 2 in memory."
            )
        case .queryMilliseconds:
            (
                "milliseconds",
                "How long \(whose.lowercased()) usage queries may run a second\(portal); beyond, 429."
            )
        }
    }
}
