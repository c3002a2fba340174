import Meter
import MeterTesting
import MeterWire

/// Events that are taken back, files of events that come by no emitter, and what of both was wrong.
extension LedgerWorld {
    private var voided: Set<Int> { voids.values.reduce(into: []) { $0.formUnion($1) } }

    /// Events that nobody voided.
    var counted: [Event] {
        let voided = voided
        return events.indices.filter { !voided.contains($0) }.map { events[$0] }
    }

    /// Takes some of the events back that are counted.
    mutating func void(_ seed: inout Seed) throws {
        let voided = voided
        let places = events.indices.filter {
            !voided.contains($0) && events[$0].amount > 0 && seed.oneIn(3)
        }
        let number = try correct(
            .void,
            lines(of: places),
            voids: VoidSelection(position: 7)
        )
        voids[number] = Set(places)
    }

    /// One void was wrong.
    mutating func revertVoid(_ seed: inout Seed) throws {
        let standing = book.state.billing.corrections.values
            .filter { $0.kind == .void && !$0.isReverted }
            .sorted { $0.number < $1.number }
            .randomElement(using: &seed)
        guard let standing else { return }
        try correct(.revert, standing.lines.map(\.opposite), reverts: standing.number)
        voids[standing.number] = nil
    }

    /// A file with some events is taken in.
    mutating func backfill(_ seed: inout Seed) throws {
        let number = book.state.billing.lastAdjustmentNumber + 1
        let digits = String(number, radix: 16)
        let first = events.count
        for _ in 0...seed.below(20) { addEvent(&seed) }
        try book.append(
            [
                .backfillBegun(
                    BackfillBegun(
                        number: number,
                        file: String(repeating: "0", count: 64 - digits.count) + digits,
                        eventCount: UInt64(events.count - first),
                        earliest: Minute(rawValue: 0),
                        latest: Minute(rawValue: .max),
                        totals: [],
                        reason: "test"
                    )
                ),
                .backfillDone(BackfillDone(number: number, position: 7)),
            ],
            author: "test",
            at: Fixture.time
        )
        files[number] = first..<events.count
    }

    /// All of a file goes, unless a void has a part of it.
    mutating func revertBackfill(_ seed: inout Seed) throws {
        let voided = voided
        let whole = files.filter { voided.isDisjoint(with: $0.value) }
        guard
            let (number, places) = whole.sorted(by: { $0.key < $1.key })
                .randomElement(using: &seed)
        else { return }
        let lines = lines(of: Array(places))
        guard !lines.isEmpty else { return }
        var selection = VoidSelection(position: 7)
        selection.source = book.state.billing.backfills[number]?.source
        let revert = try correct(.revert, lines, reverts: number, voids: selection)
        voids[revert] = Set(places)
        files[number] = nil
    }

    private func lines(of places: [Int]) -> [CorrectionLine] {
        var amounts: [CorrectionCell: LedgerAmount] = [:]
        for event in places.map({ events[$0] }) {
            let cell = CorrectionCell(
                tenant: event.tenant,
                agent: event.agent,
                access: event.access,
                component: event.component,
                minute: event.minute,
                outcome: event.outcome,
                way: event.way
            )
            amounts[cell] = LedgerAmount(
                (amounts[cell]?.rawValue ?? 0) - Int128(event.amount) * 100
            )
        }
        return CorrectionPlan.lines(amounts)
    }

    @discardableResult
    private func correct(
        _ kind: CorrectionMade.Kind,
        _ lines: [CorrectionLine],
        reverts: UInt64? = nil,
        voids: VoidSelection? = nil
    ) throws -> UInt64 {
        let number = book.state.billing.lastAdjustmentNumber + 1
        try book.append(
            CorrectionMade.entries(
                number: number,
                kind: kind,
                lines: lines,
                reason: "test",
                reverts: reverts,
                voids: voids
            ),
            author: "test",
            at: Fixture.time
        )
        return number
    }
}
