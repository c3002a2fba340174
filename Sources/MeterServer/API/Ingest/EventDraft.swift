internal import Meter
internal import MeterWire

/// What was read of one CloudEvent so far, and the first thing that was wrong with it.
struct EventDraft {
    /// The members that mean something; each may be there once.
    enum Field: String, CaseIterable {
        case id, source, specversion, type, subject, time, datacontenttype, data
        case tenant = "data.tenant"
        case agent = "data.agent"
        case access = "data.access"
        case model = "data.model"
        case user = "data.user"
        case outcome = "data.outcome"
        case duration = "data.duration_ms"
        case amounts = "data.amounts"
    }

    var id: String?
    var source: String?
    var specversion: String?
    var type: String?
    var subject: String?
    var time: String?
    var contentType: String?
    var tenant: String?
    var agent: String?
    var access: String?
    var model: String?
    var user: String?
    var outcome: String?
    var duration: UInt64?
    var amounts: [ComponentAmount] = []
    private var seen: Set<Field> = []
    private var refusal: ItemRefusal?

    /// Remembers the first reason only: it is the one that the caller fixes first.
    mutating func refuse(_ reason: ItemRefusal.Reason, _ detail: String) {
        if refusal == nil { refusal = ItemRefusal(reason, detail) }
    }

    mutating func note(_ field: Field) {
        if !seen.insert(field).inserted {
            refuse(.repeatedMember, "\(field.rawValue) is there twice")
        }
    }

    /// The event that the members describe, by the rules of `Documentation/UsageAPI.md`.
    func event(_ rules: CloudEventRules) -> Result<UsageEvent, ItemRefusal> {
        Result { () throws(ItemRefusal) in
            if let refusal { throw refusal }
            return try checked(rules)
        }
    }

    private func checked(_ rules: CloudEventRules) throws(ItemRefusal) -> UsageEvent {
        guard specversion == "1.0" else {
            throw seen.contains(.specversion)
                ? ItemRefusal(.specversion, "specversion is \"1.0\"") : missing("specversion")
        }
        try checkIdentifier(id, "id")
        try checkIdentifier(source, "source")
        guard let type, !type.isEmpty else { throw missing("type") }
        if let contentType, !Self.isJSON(contentType) {
            throw ItemRefusal(.unsupportedData, "datacontenttype is application/json")
        }
        guard let written = time else { throw missing("time") }
        guard let time = RFC3339.time(written) else {
            throw ItemRefusal(.badTime, "time is RFC 3339 with an offset: 2026-11-22T10:30:00.125Z")
        }
        guard seen.contains(.data) else { throw missing("data") }
        guard let agent = subject ?? agent else { throw missing("subject") }
        if let other = self.agent, !other.utf8.elementsEqual(agent.utf8) {
            throw ItemRefusal(
                .agentMismatch,
                "subject and data.agent are the same, or one is left out"
            )
        }
        guard let tenant = tenant ?? rules.tenant else { throw missing("data.tenant") }
        guard !amounts.isEmpty else {
            throw ItemRefusal(.noAmounts, "data.amounts names at least one component")
        }
        for (name, field) in [(tenant, "data.tenant"), (agent, "subject")] {
            try checkName(name, field)
        }
        if let model { try checkName(model, "data.model") }
        if let user { try checkName(user, "data.user") }
        return UsageEvent(
            time: time,
            tenant: tenant,
            agent: agent,
            amounts: try checkedAmounts(),
            access: try checkedAccess(),
            model: model,
            user: user,
            outcome: try checkedOutcome(),
            durationMilliseconds: duration
        )
    }

    /// Sorted by name, so that the same amounts in another order are the same event.
    private func checkedAmounts() throws(ItemRefusal) -> [ComponentAmount] {
        guard amounts.count <= WireLimits.shapeComponentCountMax else {
            throw ItemRefusal(.tooManyComponents, "an event has at most 64 components")
        }
        let sorted = amounts.sorted {
            $0.component.utf8.lexicographicallyPrecedes($1.component.utf8)
        }
        for (index, amount) in sorted.enumerated() {
            try checkName(amount.component, "a component's name in data.amounts")
            if index > 0, sorted[index - 1].component.utf8.elementsEqual(amount.component.utf8) {
                throw ItemRefusal(.repeatedMember, "a component is in data.amounts twice")
            }
        }
        return sorted
    }

    private func checkedAccess() throws(ItemRefusal) -> AccessID? {
        guard let access else { return nil }
        guard let id = AccessID(access) else {
            throw ItemRefusal(.badAccess, "data.access is a uuid: 32 hexadecimal digits")
        }
        return id
    }

    private func checkedOutcome() throws(ItemRefusal) -> Outcome {
        guard let outcome else { return .ok }
        guard let known = Outcome(text: outcome) else {
            throw ItemRefusal(.unknownOutcome, "data.outcome is ok, error, refused or cached")
        }
        return known
    }

    private func missing(_ field: String) -> ItemRefusal {
        ItemRefusal(.missingAttribute, "\(field) is missing")
    }

    /// Up to 1,024 bytes: both only go into a hash.
    private func checkIdentifier(_ text: String?, _ field: String) throws(ItemRefusal) {
        guard let text else { throw missing(field) }
        guard (1...1_024).contains(text.utf8.count) else {
            throw ItemRefusal(.badName, "\(field) has 1 to 1,024 bytes")
        }
    }

    private func checkName(_ text: String, _ field: String) throws(ItemRefusal) {
        guard NameRule.accepts(text) else {
            throw ItemRefusal(
                .badName,
                "\(field) has 1 to 255 bytes of text without control characters"
            )
        }
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.split(separator: ";").first ?? ""
        let name = type.trimmingSpaces.lowercased()
        return name == "application/json" || name.hasSuffix("+json")
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: String {
        let head = drop { $0 == " " || $0 == "\t" }
        return String(head.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
