internal import MeterWire

/// A tenant or a principal has limits of its own: all of them, so that the newest decision alone counts.
/// What is not among them is as for everybody.
package struct LimitsDecision: Equatable, Sendable {
    package let subject: LimitSubject
    package let limits: LimitValues
    package let reason: String?

    package init(subject: LimitSubject, limits: LimitValues, reason: String? = nil) {
        self.subject = subject
        self.limits = limits
        self.reason = reason
    }
}

/// `tenant` or `principal`, and `limits`: an object of numbers by the names of limits.
extension LimitsDecision: Codable {
    private enum CodingKeys: String, CodingKey { case tenant, principal, limits, reason }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let tenant = try container.decodeIfPresent(Name.self, forKey: .tenant) {
            subject = .tenant(tenant)
        } else {
            subject = .principal(try container.decode(PrincipalID.self, forKey: .principal))
        }
        var limits = LimitValues()
        for (name, value) in try container.decode([String: UInt64].self, forKey: .limits) {
            guard let limit = Limit(rawValue: name) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .limits, in: container, debugDescription: "no limit is '\(name)'")
            }
            limits[limit] = value
        }
        self.limits = limits
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch subject {
        case .tenant(let name): try container.encode(name, forKey: .tenant)
        case .principal(let id): try container.encode(id, forKey: .principal)
        }
        var values: [String: UInt64] = [:]
        for limit in limits.limits { values[limit.rawValue] = limits[limit] }
        try container.encode(values, forKey: .limits)
        try container.encodeIfPresent(reason, forKey: .reason)
    }
}
