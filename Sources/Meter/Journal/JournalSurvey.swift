/// What the newest file tells about its own end.
///
/// ```
///   header   group    group    group         group
///  ┌──────┬────────┬────────┬────────┬──────────╳╌╌╌╌┐
///  │      │ ··· M1 │ ··· M2 │ ··· M3 │ records  ╳    │
///  └──────┴────────┴────────┴────────┴──────────╳╌╌╌╌┘
///                           ▲        ▲          ▲
///          M3 says "durable │ to M2" │          └─ torn: no mark claims durability past it
///                           │        └─ whole, but nobody says that it was synced
///                           └─ `durable`: damage before this is rot
/// ```
///
/// Everything from `durable` up to `tailEnd` is whole here and now, which does not mean that it is on the
/// disk: after a failed sync a read still shows it. So recovery copies it into the new file.
struct JournalSurvey {
    /// Up to where marks, or the checkpoint, claim durability.
    private(set) var durable: UInt64
    /// Up to where records follow one another without a gap from `durable` on.
    private(set) var tailEnd: UInt64
    /// Where the file's bytes end.
    private(set) var fileEnd: UInt64
    /// Something that is neither record nor mark begins at `tailEnd`.
    private(set) var isTorn: Bool
    private(set) var isFinished: Bool
    private(set) var zeroByteCount: UInt64

    /// Reads the newest file from `from` on, before which everything is known to be durable.
    ///
    /// - Throws: also if bytes cannot be read for which nobody claims durability: whether they are
    ///   torn or an acknowledged commit cannot be known, and going on would bury them.
    init(_ disk: any Disk, _ file: JournalFile, from: UInt64) throws(DiskError) {
        let start = max(from, file.header.start)
        var reader = try JournalReader(
            try disk.open(file.name),
            file.header,
            from: start,
            to: JournalFormat.positionMax
        )
        var claimed = start
        var end = start
        var bad: [(from: UInt64, to: UInt64, cause: JournalDamage.Cause)] = []
        var finished = false
        var afterMark = start == file.header.start
        var zeros: UInt64 = 0
        reading: while true {
            switch reader.next() {
            case .record(let record):
                end = record.end
                finished = false
                afterMark = false
            case .mark(
                let mark,
                groupStart: _,
                position: _,
                end: let markEnd,
                let isFinish,
                agrees: _
            ):
                claimed = max(claimed, isFinish ? markEnd : mark.durable)
                end = markEnd
                finished = isFinish
                afterMark = true
            case .bad(_, _, .missing):
                break reading
            case .bad(let from, let to, let cause):
                bad.append((from, to, cause))
                finished = false
                afterMark = false
            case .zeros(let from, let to):
                zeros = to - from
                if !afterMark { bad.append((from, to, .checksum)) }
                finished = finished && afterMark
            case .end:
                break reading
            }
        }
        let torn = bad.first { $0.to > claimed }
        if torn?.cause == .unreadable, let failure = reader.readFailure { throw failure }
        durable = claimed
        tailEnd = max(claimed, torn?.from ?? end)
        fileEnd = reader.fileEnd
        isTorn = torn != nil
        isFinished = finished
        zeroByteCount = zeros
    }
}
