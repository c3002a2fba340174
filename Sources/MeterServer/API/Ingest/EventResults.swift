internal import Meter
internal import MeterWire

/// The outcomes of a request's events, and the answer that tells them.
struct EventResults {
    /// One event's line in the answer.
    struct Line: Hashable {
        /// `accepted`, `accepted-behind`, `duplicate`, `in-conflict` or `refused`.
        let outcome: String
        /// Empty unless refused.
        let reason: String
    }

    private let lines: [(line: Line, id: String?, detail: String?)]

    init(events: [CloudEvent], outcomes: [EventDelivery.Outcome]) {
        lines = zip(events, outcomes).map { event, outcome in
            let (line, detail) = Self.line(outcome)
            return (line, event.id, detail)
        }
    }

    var counts: [(line: Line, count: Int)] {
        var counts: [Line: Int] = [:]
        for line in lines { counts[line.line, default: 0] += 1 }
        return counts.map { ($0.key, $0.value) }
    }

    /// 200 when every event is counted, now or before; 207 when a batch has others among them. A single
    /// event that is not counted is a problem of its own: 422 refused, 409 in conflict.
    func answer(isBatch: Bool, path: String) -> APIAnswer {
        let results = JSONMember("results", .array(lines.enumerated().map(Self.json)))
        if !isBatch, let only = lines.first {
            if only.line.outcome == "refused" {
                return .problem(
                    Problem(
                        only.line.reason,
                        status: 422,
                        title: "The event is refused",
                        detail: only.detail ?? "The event is not counted.",
                        members: [results]
                    ),
                    instance: path
                )
            }
            if only.line.outcome == "in-conflict" {
                return .problem(
                    Problem(
                        "in-conflict",
                        status: 409,
                        title: "The id was used for another event",
                        detail: only.detail ?? "",
                        members: [results]
                    ),
                    instance: path
                )
            }
        }
        let names = ["accepted", "accepted-behind", "duplicate", "in-conflict", "refused"]
        let sums = names.map { name in
            JSONMember(name, .count(lines.count { $0.line.outcome == name }))
        }
        let isClean = lines.allSatisfy { !["refused", "in-conflict"].contains($0.line.outcome) }
        return .json(
            .object([JSONMember("counts", .object(sums)), results]),
            status: isClean ? 200 : 207
        )
    }

    private static func json(
        _ index: Int,
        _ line: (line: Line, id: String?, detail: String?)
    ) -> JSONOutput {
        var members = [
            JSONMember("index", .count(index)), JSONMember("id", .optional(line.id)),
            JSONMember("outcome", .string(line.line.outcome)),
        ]
        if !line.line.reason.isEmpty {
            members.append(JSONMember("reason", .string(line.line.reason)))
        }
        if let detail = line.detail { members.append(JSONMember("detail", .string(detail))) }
        return .object(members)
    }

    /// What is told of an outcome: in a word, and what to do about it.
    static func line(_ outcome: EventDelivery.Outcome) -> (line: Line, detail: String?) {
        switch outcome {
        case .refused(let reason, let detail): (Line(outcome: "refused", reason: reason), detail)
        case .decided(.accepted, let isBehind):
            (Line(outcome: isBehind ? "accepted-behind" : "accepted", reason: ""), nil)
        case .decided(.duplicate, _): (Line(outcome: "duplicate", reason: ""), nil)
        case .decided(.inConflict, _):
            (
                Line(outcome: "in-conflict", reason: ""),
                "Another event came under this source and id before; send this one under an id of its own."
            )
        case .decided(.refused(let reason), _):
            (Line(outcome: "refused", reason: reason.name), detail(reason))
        // Never shown: an event that was neither refused nor decided makes the whole request fail.
        case .pending: (Line(outcome: "refused", reason: "undecided"), nil)
        }
    }

    private static func detail(_ reason: RefusalReason) -> String {
        switch reason {
        case .malformed: "The event breaks a rule of the format."
        case .tenantNotAllowed: "The key may not send events for this tenant."
        case .tooOld: "The event is older than what is still counted."
        case .inFuture: "The time is more than 5 minutes ahead of the server's clock."
        case .accessOfOtherTenant: "data.access is not an access of this tenant."
        case .newNameBeyondLimit:
            "The tenant has as many names as it may have; declare the component or raise the limit."
        case .amountOutOfRange: "An amount is outside 0 to 2^63 - 1."
        case .tooOldForIDDedup:
            "The time lies further back than ids are kept (72 hours); send it by frame or backfill."
        case .notPermitted: "The key may not send events."
        }
    }
}
