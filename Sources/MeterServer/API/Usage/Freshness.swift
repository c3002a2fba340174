internal import HTTPTypes
internal import Meter
internal import MeterWire

/// What an answer says of itself: at which position and time it is exact, up to when nothing is missing,
/// and up to when Waldur was found to say the same.
///
/// It stands in JSON answers and in header fields, which an answer without a body (304) or without room
/// (CSV) has too.
struct Freshness: Sendable {
    let position: UInt64
    let asOf: Timestamp
    let completeThrough: Timestamp?
    let reconciledThrough: Timestamp?

    var members: [JSONMember] {
        [
            JSONMember(
                "asOf",
                ["position": .decimal(position), "time": .string(RFC3339.text(asOf))]
            ),
            JSONMember("completeThrough", .optional(completeThrough.map(RFC3339.text))),
            JSONMember("reconciledThrough", .optional(reconciledThrough.map(RFC3339.text))),
        ]
    }

    static let fieldNames = ["Meter-As-Of", "Meter-Complete-Through", "Meter-Reconciled-Through"]

    /// A time that is unknown has no field.
    var fields: HTTPFields {
        var fields = HTTPFields()
        let times = [asOf, completeThrough, reconciledThrough]
        for (name, time) in zip(Self.fieldNames, times) {
            guard let name = HTTPField.Name(name), let time else { continue }
            fields[name] = RFC3339.text(time)
        }
        return fields
    }
}

extension APIAnswer {
    /// Usage as JSON: its content, then its freshness. Equal content has equal tags.
    static func usage(_ content: [JSONMember], _ freshness: Freshness) -> APIAnswer {
        let bytes = JSONOutput.object(content).encoded
        let tail = JSONOutput.object(freshness.members).encoded
        // Both are objects with members: `{a}` and `{b}` become `{a,b}`.
        var body = Array(bytes.dropLast())
        body.append(UInt8(ascii: ","))
        body.append(contentsOf: tail.dropFirst())
        body.append(0x0A)
        return usage(body, type: "application/json", content: bytes, freshness)
    }

    /// Usage as CSV; its freshness stands in header fields.
    static func usage(_ table: CSVText, _ freshness: Freshness) -> APIAnswer {
        usage(
            table.bytes,
            type: "text/csv; charset=utf-8; header=present",
            content: table.bytes,
            freshness
        )
    }

    private static func usage(
        _ body: [UInt8],
        type: String,
        content: [UInt8],
        _ freshness: Freshness
    ) -> APIAnswer {
        var answer = APIAnswer(contentType: type, body: body)
        answer.entityTag = EntityTag(of: content)
        answer.freshness = freshness
        return answer
    }
}
