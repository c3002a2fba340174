import Meter
import MeterTesting
import MeterWire

/// Events that should not have been, and files of events that came by no emitter.
///
/// Which of them are out is known here event by event, without any of what the book keeps of it.
extension YearWorld {
    /// Another number of events was found than there are.
    struct WrongVoid: Error, CustomStringConvertible {
        let description: String
    }

    func isVoided(_ index: Int) -> Bool {
        revertedFiles.contains(sent[index].source) || voids.values.contains { $0.contains(index) }
    }

    /// What an agent had sent of a time, or a source under some numbers, is taken back.
    mutating func void(_ seed: inout Seed) throws {
        let recent = max(0, sent.count - 80)..<sent.count
        guard let like = recent.randomElement(using: &seed).map({ sent[$0] }) else { return }
        var selection = VoidSelection(position: UInt64(sent.count))
        let isMeant: (Sent) -> Bool
        if seed.oneIn(2) {
            let time = like.event.minute.rawValue
            let start = Minute(rawValue: time - min(time, UInt32(seed.below(30))))
            let end = Minute(rawValue: time + 1 + UInt32(seed.below(30)))
            (selection.tenant, selection.agent) = (like.event.tenant, like.event.agent)
            (selection.start, selection.end) = (start, end)
            isMeant = {
                $0.event.tenant == like.event.tenant && $0.event.agent == like.event.agent
                    && start <= $0.event.minute && $0.event.minute < end
            }
        } else {
            let end = like.number + 1 + UInt64(seed.below(6))
            selection.source = like.source
            (selection.from, selection.to) = (like.number, end)
            isMeant = {
                $0.source == like.source && like.number <= $0.number && $0.number < end
            }
        }
        let due = sent.indices.filter { isMeant(sent[$0]) && !isVoided($0) }
        let found = try voided(selection, due.count)
        guard !found.lines.isEmpty else { return }
        try apply(
            CorrectionPlan(
                .void,
                found.lines,
                voids: found.selection,
                book: book.state,
                period: calendar
            )
        )
        voids[book.state.billing.lastAdjustmentNumber] = Set(due)
        happened.insert(.voided)
    }

    private func voided(_ selection: VoidSelection, _ count: Int) throws -> VoidedUsage {
        let found = try VoidedUsage(selection, in: SentEvents(sent: sent), book: book.state)
        guard found.eventCount == UInt64(count) else {
            throw WrongVoid(description: "\(found.eventCount) events voided, not \(count)")
        }
        return found
    }

    /// They should have been after all: one of the newest, which others may have left events to.
    mutating func revertVoid(_ seed: inout Seed) throws {
        let newest = voids.keys.sorted().suffix(4)
        guard let number = newest.randomElement(using: &seed),
            let standing = book.state.billing.corrections[number]
        else { return }
        try revert(standing)
        voids[standing.number] = nil
        happened.insert(.voidReverted)
    }

    /// A file of usage of up to two months is taken in.
    mutating func backfill(_ seed: inout Seed) throws {
        let number = book.state.billing.lastAdjustmentNumber + 1
        let digits = String(number, radix: 16)
        let file = "f" + String(repeating: "0", count: 31 - digits.count) + digits
        let hash = file + String(repeating: "0", count: 32)
        guard let id = SourceID(backfill: hash) else {
            throw WrongVoid(description: "\(hash) is no file's hash")
        }
        let source = SourceKey(principal: .backfill, source: id)
        let first = sent.count
        let count = 1 + seed.below(8)
        for place in 0..<count {
            let back = UInt32(seed.below(130))
            send(
                UInt64(seed.below(3)),
                at: minute - min(minute, back),
                source,
                number: UInt64(place),
                &seed
            )
        }
        let minutes = sent[first...].map(\.event.minute)
        try decide(
            .backfillBegun(
                BackfillBegun(
                    number: number,
                    file: hash,
                    eventCount: UInt64(count),
                    earliest: minutes.min() ?? Minute(rawValue: minute),
                    latest: minutes.max() ?? Minute(rawValue: minute),
                    totals: [],
                    reason: "test"
                )
            ),
            .backfillDone(BackfillDone(number: number, position: UInt64(sent.count)))
        )
        happened.insert(.backfilled)
    }

    /// A file was wrong: all of it goes, unless a void has a part of it.
    mutating func revertBackfill(_ seed: inout Seed) throws {
        let standing = book.state.billing.backfills.values.filter { !$0.isReverted }
            .sorted { $0.begun.number < $1.begun.number }
            .randomElement(using: &seed)
        guard let standing, let source = standing.source else { return }
        let all = sent.indices.filter { sent[$0].source == source }
        let due = all.filter { !isVoided($0) }
        var selection = VoidSelection(position: UInt64(sent.count))
        selection.source = source
        selection.to = standing.begun.eventCount
        let found = try voided(selection, due.count)
        guard found.selection.besides.isEmpty == (due == all) else {
            throw WrongVoid(description: "voids besides: \(found.selection.besides)")
        }
        guard due == all, !found.lines.isEmpty else { return }
        try apply(
            CorrectionPlan(
                .revert,
                found.lines,
                reverts: standing.begun.number,
                voids: found.selection,
                book: book.state,
                period: calendar
            )
        )
        revertedFiles.insert(source)
        happened.insert(.backfillReverted)
    }

    /// All corrections of usage that are due, cell by cell.
    var corrections: [CorrectionCell: Int128] {
        var sums = amended
        for index in sent.indices where isVoided(index) {
            let event = sent[index].event
            let cell = CorrectionCell(
                tenant: event.tenant,
                agent: event.agent,
                component: event.component,
                minute: event.minute,
                way: .native
            )
            sums[cell, default: 0] -= Int128(event.amount) * 100
        }
        return sums.filter { $0.value != 0 }
    }
}
