internal import Meter
internal import MeterWire

/// The events of a file that is backfilled: all of them can be counted, or none is.
struct BackfillFile {
    enum Format: String, CaseIterable { case csv, cloudevents }

    /// What is wrong with the file; the first few lines, and how many there are.
    struct Refusal: Error, Equatable {
        static let shownMax = 10

        var lines: [String] = []
        var count = 0

        mutating func add(_ line: String) {
            count += 1
            if lines.count < Self.shownMax { lines.append(line) }
        }

        var text: String {
            lines.joined(separator: "; ")
                + (count > lines.count ? "; and \(count - lines.count) more" : "")
        }
    }

    static let eventCountMax = 200_000
    static let byteCountMax = 32 << 20

    let events: [UsageEvent]
    /// How a person finds each event again, such as `line 17`.
    let places: [String]

    init(_ bytes: [UInt8], _ format: Format) throws(Refusal) {
        var refusal = Refusal()
        var events: [UsageEvent] = []
        var places: [String] = []
        switch format {
        case .csv:
            do throws(CSVRows.Malformed) {
                try Self.read(bytes) { place, event in
                    switch event {
                    case .success(let event):
                        events.append(event)
                        places.append(place)
                    case .failure(let reason): refusal.add("\(place): \(reason.detail)")
                    }
                    return events.count <= Self.eventCountMax
                }
            } catch {
                refusal.add("line \(error.line): \(error.detail)")
            }
        case .cloudevents:
            do throws(CloudEventReader.Failure) {
                let rules = CloudEventRules(eventCountMax: Self.eventCountMax)
                let read = try CloudEventReader.read(Self.array(bytes), rules: rules).events
                var known: [[String?]: Int] = [:]
                for (index, event) in read.enumerated() {
                    let place = "event \(index + 1)"
                    if let first = known.updateValue(index, forKey: [event.source, event.id]) {
                        refusal.add("\(place): its source and id are those of event \(first + 1)")
                    }
                    switch event.result {
                    case .success(let event):
                        events.append(event)
                        places.append(place)
                    case .failure(let reason): refusal.add("\(place): \(reason.detail)")
                    }
                }
            } catch {
                switch error {
                case .notJSON(let reason): refusal.add("the file is not JSON: \(reason)")
                case .notEvents: refusal.add("the file is no array of CloudEvents")
                case .tooMany(let limit): refusal.add("the file has more than \(limit) events")
                }
            }
        }
        if events.count > Self.eventCountMax {
            refusal.add("the file has more than \(Self.eventCountMax) events")
        }
        if events.isEmpty, refusal.count == 0 { refusal.add("the file has no events") }
        guard refusal.count == 0 else { throw refusal }
        self.events = events
        self.places = places
    }

    /// JSON Lines, an event a line, as the array that they are; anything else as it is.
    private static func array(_ bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { line in
            line.contains { ![0x20, 0x09, 0x0D].contains($0) }
        }
        let isObject = { (line: ArraySlice<UInt8>) in line.first == UInt8(ascii: "{") }
        guard lines.count > 1, lines.allSatisfy(isObject) else { return bytes }
        let joined = lines.joined(separator: [UInt8(ascii: ",")])
        return [UInt8(ascii: "[")] + joined + [UInt8(ascii: "]")]
    }

    // MARK: - CSV

    private enum Column: String, CaseIterable {
        case time, tenant, agent, component, amount, access, model, user, outcome
        case duration = "duration_ms"

        var isNeeded: Bool {
            switch self {
            case .time, .tenant, .agent, .component, .amount: true
            case .access, .model, .user, .outcome, .duration: false
            }
        }
    }

    /// Each row is one event with one component.
    private static func read(
        _ bytes: [UInt8],
        _ take: (String, Result<UsageEvent, ItemRefusal>) -> Bool
    ) throws(CSVRows.Malformed) {
        var rows = CSVRows(bytes)
        guard let head = try rows.next() else { return }
        var places: [Column: Int] = [:]
        for (index, name) in head.fields.enumerated() {
            guard let column = Column(rawValue: name.trimmingSpaces) else {
                throw CSVRows.Malformed(
                    line: head.line,
                    detail: "column \(index + 1) is none of "
                        + Column.allCases.map(\.rawValue).joined(separator: ", ")
                )
            }
            guard places.updateValue(index, forKey: column) == nil else {
                throw CSVRows.Malformed(
                    line: head.line, detail: "\(column.rawValue) is there twice")
            }
        }
        for column in Column.allCases where column.isNeeded && places[column] == nil {
            throw CSVRows.Malformed(
                line: head.line,
                detail: "the column \(column.rawValue) is missing"
            )
        }
        while let row = try rows.next() {
            let place = "line \(row.line)"
            guard row.fields.count == head.fields.count else {
                let refusal = ItemRefusal(
                    .missingAttribute,
                    "\(row.fields.count) fields, not \(head.fields.count)"
                )
                guard take(place, .failure(refusal)) else { return }
                continue
            }
            func field(_ column: Column) -> String? {
                places[column].map { row.fields[$0] }.flatMap { $0.isEmpty ? nil : $0 }
            }
            guard take(place, event(field)) else { return }
        }
    }

    /// By the rules of events over HTTP.
    private static func event(
        _ field: (Column) -> String?
    ) -> Result<UsageEvent, ItemRefusal> {
        var draft = EventDraft()
        draft.specversion = "1.0"
        draft.id = "row"
        draft.source = "file"
        draft.type = "usage"
        draft.note(.data)
        draft.time = field(.time)
        draft.tenant = field(.tenant)
        draft.agent = field(.agent)
        draft.access = field(.access)
        draft.model = field(.model)
        draft.user = field(.user)
        draft.outcome = field(.outcome)
        if let text = field(.duration) {
            guard let duration = try? JSONNumber.natural(decimalString: Array(text.utf8)[...])
            else {
                return .failure(ItemRefusal(.notAnInteger, "duration_ms is a whole number"))
            }
            draft.duration = duration
        }
        guard let component = field(.component), let text = field(.amount) else {
            return .failure(
                ItemRefusal(.missingAttribute, "component and amount are not empty")
            )
        }
        do throws(JSONNumber.Refusal) {
            let amount = try JSONNumber.natural(decimalString: Array(text.utf8)[...])
            draft.amounts = [ComponentAmount(component, amount)]
        } catch {
            let why =
                switch error {
                case .negative: "is not negative; take away with `adjust amend`"
                case .tooLarge: "is at most 2^63 - 1"
                case .notAnInteger: "is a whole number in the smallest unit"
                }
            return .failure(ItemRefusal(.notAnInteger, "amount \(why)"))
        }
        return draft.event(CloudEventRules())
    }
}
