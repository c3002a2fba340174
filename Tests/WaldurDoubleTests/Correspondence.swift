import Foundation

@testable import WaldurDouble

/// What in a recorded session corresponds to what in the replay.
///
/// Uuids map one to one. Times map one to one and in the same order, each within a few seconds: so
/// two rows that had one time have one time, and an item that ended after its plan period does so
/// here, too. Everything else must be equal.
struct Correspondence {
    private(set) var mine: [String: String] = [:]
    private(set) var recorded: [String: String] = [:]
    private var times: [Int64: Int64] = [:]
    /// Differences found, with their place.
    private(set) var differences: [String] = []

    /// How far a time may be from the recorded one.
    static let tolerance: Int64 = 5 * Moment.second

    enum Piece: Equatable {
        case text(String)
        case uuid(String)
        case time(Moment, zone: String)
    }

    /// Cuts a text into uuids, times and what lies between them.
    static func pieces(_ text: String) -> [Piece] {
        let pattern =
            /(?<uuid>\b[0-9a-f]{32}\b)|(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?)(?<zone>Z|\+00:00)|(?<host>http:\/\/(127\.0\.0\.1:\d+|testserver))/
        var pieces: [Piece] = []
        var rest = text[...]
        while let match = rest.firstMatch(of: pattern) {
            let before = rest[..<match.range.lowerBound]
            if !before.isEmpty { pieces.append(.text(String(before))) }
            if let uuid = match.output.uuid {
                pieces.append(.uuid(String(uuid)))
            } else if let time = match.output.time, let moment = Moment(String(time)) {
                pieces.append(.time(moment, zone: String(match.output.zone ?? "")))
            } else {
                pieces.append(.text("http://HOST"))
            }
            rest = rest[match.range.upperBound...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }

    /// A recorded text as it is to be sent here, with our uuids in either spelling.
    func translated(_ text: String) -> String {
        text.replacing(/[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/) {
            match in
            let given = String(match.output)
            guard let own = mine[given.replacing("-", with: "")] else { return given }
            guard given.contains("-") else { return own }
            var dashed = ""
            for (index, digit) in own.enumerated() {
                if [8, 12, 16, 20].contains(index) { dashed += "-" }
                dashed.append(digit)
            }
            return dashed
        }
    }

    mutating func compare(_ expected: JSON, _ actual: JSON, at place: String) {
        switch (expected, actual) {
        case (.object, .object): compareMembers(expected, actual, at: place)
        case (.array(let a), .array(let b)):
            guard a.count == b.count else {
                return differ(place, "\(a.count) elements", "\(b.count) elements")
            }
            let unordered = Self.isUnordered(a)
            let pairs = unordered ? zip(sorted(a, translated), sorted(b) { $0 }) : zip(a, b)
            for (index, (a, b)) in pairs.enumerated() { compare(a, b, at: "\(place)[\(index)]") }
        case (.string(let a), .string(let b)): compare(a, b, at: place)
        default: if expected != actual { differ(place, expected.text, actual.text) }
        }
    }

    private mutating func compareMembers(_ expected: JSON, _ actual: JSON, at place: String) {
        let a = Set((expected.members ?? []).map(\.key))
        let b = Set((actual.members ?? []).map(\.key))
        if a != b {
            differ(
                place,
                "members \((a.subtracting(b)).sorted())",
                "\((b.subtracting(a)).sorted())"
            )
        }
        // A secret is drawn by each server for itself.
        for key in a.intersection(b).subtracting(["api_secret_code"]).sorted() {
            compare(expected[key] ?? .null, actual[key] ?? .null, at: "\(place).\(key)")
        }
    }

    mutating func compare(_ expected: String, _ actual: String, at place: String) {
        let (a, b) = (Self.pieces(expected), Self.pieces(actual))
        guard a.count == b.count else { return differ(place, expected, actual) }
        for (a, b) in zip(a, b) {
            switch (a, b) {
            case (.uuid(let a), .uuid(let b)):
                let (known, back) = (mine[a] ?? b, recorded[b] ?? a)
                if known != b || back != a { differ(place, "uuid for \(known)", b) }
                mine[a] = known
                recorded[b] = back
            case (.time(let a, let zone), .time(let b, let own)):
                if zone != own { differ(place, expected, actual) }
                compare(a, b, at: place)
            default: if a != b { differ(place, expected, actual) }
            }
        }
    }

    private mutating func compare(_ expected: Moment, _ actual: Moment, at place: String) {
        let known = times[expected.micros] ?? actual.micros
        let month = Month(of: expected, in: .utc)
        let isMonthEnd = expected == month.end || expected == month.start
        if known != actual.micros || abs(expected.micros - actual.micros) > Self.tolerance
            || (isMonthEnd && expected != actual)
        {
            differ(place, "\(expected.zulu), here \(Moment(micros: known).zulu)", actual.zulu)
        }
        times[expected.micros] = known
    }

    /// Whether times come in the recorded order; said once for each pair that does not.
    mutating func checkOrderOfTimes() {
        let pairs = times.sorted { $0.key < $1.key }
        for (a, b) in zip(pairs, pairs.dropFirst()) where a.value >= b.value {
            differ(
                "order of times",
                "\(Moment(micros: a.key).zulu) < \(Moment(micros: b.key).zulu)",
                "\(Moment(micros: a.value).zulu), \(Moment(micros: b.value).zulu)"
            )
        }
    }

    private mutating func differ(_ place: String, _ expected: String, _ actual: String) {
        differences.append("\(place): recorded \(expected), here \(actual)")
    }

    mutating func takeDifferences() -> [String] {
        defer { differences = [] }
        return differences
    }

    /// Waldur gives no order to invoice items and to the rows of a plan period.
    private static func isUnordered(_ elements: [JSON]) -> Bool {
        guard let first = elements.first else { return false }
        return first["unit_price"] != nil && first["quantity"] != nil
            || first["usage"] != nil && first["resource_uuid"] == nil
                && first["measured_unit"] != nil
    }

    /// In an order that does not depend on times, and on uuids only as far as they correspond.
    private func sorted(_ elements: [JSON], _ translate: (String) -> String) -> [JSON] {
        elements.map { element -> (String, JSON) in
            let names = ["name", "type", "quantity", "unit_price", "usage", "resource_name"]
            let plain = names.map { element[$0]?.text ?? "" }.joined(separator: "|")
            return (plain + "|" + translate(element["resource_uuid"]?.string ?? ""), element)
        }
        .sorted { $0.0 < $1.0 }.map(\.1)
    }
}
