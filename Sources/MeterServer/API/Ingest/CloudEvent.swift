internal import MeterWire

/// One event of a request, as far as it could be read.
struct CloudEvent {
    /// As the caller wrote it, to find the event again in the answer.
    var id: String?
    var source: String?
    var result: Result<UsageEvent, ItemRefusal>
}

/// How many events one request may bring, and what stands in for a tenant that an event does not name.
struct CloudEventRules {
    /// A request with more events is refused as a whole.
    var eventCountMax = 10_000
    /// The tenant of events that name none: the credential's, where it has exactly one.
    var tenant: String?
}

/// Reads a request's body: one CloudEvent 1.0 in structured mode, or an array of them.
///
/// The mapping is in `Documentation/UsageAPI.md`. A body that is not JSON is refused whole; an event
/// that breaks a rule is refused by itself and the others are read.
struct CloudEventReader {
    enum Failure: Error, Equatable {
        case notJSON(JSONError)
        /// Neither an object nor an array of events.
        case notEvents
        case tooMany(limit: Int)
    }

    let rules: CloudEventRules
    private var scanner: JSONScanner

    /// Reads all events; `isBatch` tells whether an array was sent.
    static func read(
        _ body: [UInt8],
        rules: CloudEventRules
    ) throws(Failure) -> (events: [CloudEvent], isBatch: Bool) {
        var reader = CloudEventReader(rules: rules, scanner: JSONScanner(body))
        let found: Body
        do throws(JSONError) {
            found = try reader.body()
            try reader.scanner.end()
        } catch {
            throw .notJSON(error)
        }
        switch found {
        case .one(let event): return ([event], false)
        case .batch(let events): return (events, true)
        case .tooMany: throw .tooMany(limit: rules.eventCountMax)
        case .other: throw .notEvents
        }
    }

    private enum Body {
        case one(CloudEvent)
        case batch([CloudEvent])
        case tooMany
        case other
    }

    private mutating func body() throws(JSONError) -> Body {
        switch try scanner.peek() {
        case .object: return .one(try event())
        case .array: return try batch().map { .batch($0) } ?? .tooMany
        default:
            try scanner.skip()
            return .other
        }
    }

    /// nil where there are too many; the rest is read all the same, so that a body that is not JSON is
    /// always told so.
    private mutating func batch() throws(JSONError) -> [CloudEvent]? {
        var events: [CloudEvent] = []
        var isTooLong = false
        var more = try scanner.firstElement()
        while more {
            if events.count >= rules.eventCountMax {
                isTooLong = true
                try scanner.skip()
            } else if try scanner.peek() == .object {
                events.append(try event())
            } else {
                try scanner.skip()
                events.append(
                    CloudEvent(result: .failure(ItemRefusal(.wrongType, "an event is an object")))
                )
            }
            more = try scanner.nextElement()
        }
        return isTooLong ? nil : events
    }

    private mutating func event() throws(JSONError) -> CloudEvent {
        var draft = EventDraft()
        var member = try scanner.firstMember()
        while let name = member {
            try attribute(name, &draft)
            member = try scanner.nextMember()
        }
        return CloudEvent(id: draft.id, source: draft.source, result: draft.event(rules))
    }

    private mutating func attribute(
        _ name: JSONScanner.Text,
        _ draft: inout EventDraft
    ) throws(JSONError) {
        if scanner.equals(name, "id") {
            draft.id = try text(.id, &draft)
        } else if scanner.equals(name, "source") {
            draft.source = try text(.source, &draft)
        } else if scanner.equals(name, "specversion") {
            draft.specversion = try text(.specversion, &draft)
        } else if scanner.equals(name, "type") {
            draft.type = try text(.type, &draft)
        } else if scanner.equals(name, "subject") {
            draft.subject = try optionalText(.subject, &draft)
        } else if scanner.equals(name, "time") {
            draft.time = try text(.time, &draft)
        } else if scanner.equals(name, "datacontenttype") {
            draft.contentType = try optionalText(.datacontenttype, &draft)
        } else if scanner.equals(name, "data_base64") {
            draft.refuse(.unsupportedData, "data_base64 is not read; send data as a JSON object")
            try scanner.skip()
        } else if scanner.equals(name, "data") {
            draft.note(.data)
            guard try scanner.peek() == .object else {
                draft.refuse(.wrongType, "data is an object")
                return try scanner.skip()
            }
            try data(&draft)
        } else {
            // Extension attributes, `sequence` among them, decide nothing.
            try scanner.skip()
        }
    }

    private mutating func data(_ draft: inout EventDraft) throws(JSONError) {
        var member = try scanner.firstMember()
        while let name = member {
            if scanner.equals(name, "tenant") {
                draft.tenant = try optionalText(.tenant, &draft)
            } else if scanner.equals(name, "agent") {
                draft.agent = try optionalText(.agent, &draft)
            } else if scanner.equals(name, "access") {
                draft.access = try optionalText(.access, &draft)
            } else if scanner.equals(name, "model") {
                draft.model = try optionalText(.model, &draft)
            } else if scanner.equals(name, "user") {
                draft.user = try optionalText(.user, &draft)
            } else if scanner.equals(name, "outcome") {
                draft.outcome = try optionalText(.outcome, &draft)
            } else if scanner.equals(name, "duration_ms") {
                draft.note(.duration)
                if try scanner.peek() == .null {
                    try scanner.skip()
                } else {
                    draft.duration = try amount("data.duration_ms", &draft)
                }
            } else if scanner.equals(name, "amounts") {
                draft.note(.amounts)
                if try scanner.peek() == .object {
                    try amounts(&draft)
                } else {
                    draft.refuse(.wrongType, "data.amounts is an object of component: amount")
                    try scanner.skip()
                }
            } else {
                try scanner.skip()
            }
            member = try scanner.nextMember()
        }
    }

    private mutating func amounts(_ draft: inout EventDraft) throws(JSONError) {
        var member = try scanner.firstMember()
        while let name = member {
            let component = scanner.string(of: name)
            if let amount = try amount("an amount in data.amounts", &draft) {
                draft.amounts.append(ComponentAmount(component, amount))
            }
            member = try scanner.nextMember()
        }
    }

    /// An integer, as a JSON number or as a string of digits.
    private mutating func amount(
        _ field: String,
        _ draft: inout EventDraft
    ) throws(JSONError) -> UInt64? {
        var written: Result<UInt64, JSONNumber.Refusal>
        switch try scanner.peek() {
        case .number:
            let number = try scanner.number()
            written = Result { () throws(JSONNumber.Refusal) in try number.natural() }
        case .string:
            let text = try scanner.text()
            let digits = scanner.bytes(of: text)
            written = Result { () throws(JSONNumber.Refusal) in
                try JSONNumber.natural(decimalString: digits[...])
            }
        default:
            try scanner.skip()
            draft.refuse(.wrongType, "\(field) is a whole number, or a string of its digits")
            return nil
        }
        switch written {
        case .success(let value): return value
        case .failure(.notAnInteger):
            draft.refuse(.notAnInteger, "\(field) is a whole number in the smallest unit")
        case .failure(.negative):
            draft.refuse(.negativeAmount, "\(field) is not negative; corrections are adjustments")
        case .failure(.tooLarge):
            draft.refuse(.amountTooLarge, "\(field) is at most 2^63 - 1")
        }
        return nil
    }

    /// A string that must be there.
    private mutating func text(
        _ field: EventDraft.Field,
        _ draft: inout EventDraft
    ) throws(JSONError) -> String? {
        draft.note(field)
        guard try scanner.peek() == .string else {
            draft.refuse(.wrongType, "\(field.rawValue) is a string")
            try scanner.skip()
            return nil
        }
        return scanner.string(of: try scanner.text())
    }

    /// A string that may be missing, or null.
    private mutating func optionalText(
        _ field: EventDraft.Field,
        _ draft: inout EventDraft
    ) throws(JSONError) -> String? {
        guard try scanner.peek() == .null else { return try text(field, &draft) }
        draft.note(field)
        try scanner.skip()
        return nil
    }
}
