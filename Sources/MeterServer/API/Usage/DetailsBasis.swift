internal import Meter
internal import MeterWire

/// What figures that come from details rest on: they have a retention of their own and can be lost.
struct DetailsBasis {
    let from: QuarterHour
    let to: QuarterHour
    /// False where details are lost or damaged; usage is not touched by that.
    private let isComplete: Bool
    /// Earlier details may have been left out; nil where none were.
    private let retainedFrom: QuarterHour?

    /// - Parameters:
    ///   - from: The quarter hours that were asked for.
    ///   - answers: What was answered, all of one moment.
    init(from: QuarterHour, to: QuarterHour, _ answers: [DetailsAnswer]) {
        self.from = from
        self.to = to
        isComplete = answers.allSatisfy(\.missing.isEmpty)
        retainedFrom = answers.map(\.retainedFrom).max().flatMap { $0.rawValue > 0 ? $0 : nil }
    }

    var members: [JSONMember] {
        [
            JSONMember("from", .string(RFC3339.text(from.start))),
            JSONMember("to", .string(RFC3339.text(to.start))),
            JSONMember("complete", .boolean(isComplete)),
            JSONMember("retainedFrom", .optional(retainedFrom.map { RFC3339.text($0.start) })),
        ]
    }
}
