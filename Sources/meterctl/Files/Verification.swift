internal import Meter
internal import MeterDisk
internal import MeterWire

/// What was found in one file, or in what belongs together.
struct Finding: Equatable {
    enum State: String {
        case good
        /// Worth a look, nothing is lost by it.
        case note
        case damaged
    }

    let file: String
    let kind: String
    let state: State
    let detail: String
}

/// Checks files against everything that they state about themselves; changes nothing.
struct Verification {
    private(set) var findings: [Finding] = []
    private let disk: any Disk

    init(_ disk: any Disk) { self.disk = disk }

    var isDamaged: Bool { findings.contains { $0.state == .damaged } }

    // MARK: - A data directory

    /// Every file of Meter's in the directory, and whether they belong together.
    mutating func directory() throws(DiskError) {
        let names = try disk.list().sorted()
        let live = LiveFiles.find(names)
        var bookFound = false
        var first: UInt64?
        for name in names {
            let kind: MeterFileKind?
            do throws(DiskError) {
                kind = try MeterPath.kind(of: name, on: disk)
            } catch {
                // One file that may not be read says nothing of the others.
                add(name, "unknown", .damaged, "cannot be read: \(error)")
                continue
            }
            switch kind {
            case .sealed: sealed(name, isNamed: DataFileName(name) != nil)
            case .book: bookFound = true
            case .journal:
                let start = try JournalStart.read(name, on: disk)
                first = min(first ?? .max, start ?? live.checkpoint)
            case nil:
                if StatementCheck.isName(name) {
                    findings.append(
                        StatementCheck.finding(
                            try [UInt8].all(of: disk.open(name)),
                            file: name,
                            publicKeys: nil
                        )
                    )
                    continue
                }
                // A file that should be one of Meter's and does not begin like it.
                if Self.isNamedLikeOurs(name) {
                    add(name, "unknown", .damaged, "does not begin as its name says")
                }
            }
        }
        if let first {
            // Kept files below the checkpoint are read, too: they are evidence.
            journal(OverlayDisk(disk), from: min(first, live.checkpoint))
        } else if live.checkpoint > 0 {
            add(
                "journal",
                "journal",
                .damaged,
                "there is no journal file, though the checkpoint at \(live.checkpoint) needs one"
            )
        }
        if bookFound { try book() }
        for name in live.superseded { add(name, "leftover", .note, "another file covers its span") }
        for name in live.leftovers {
            add(name, "leftover", .note, "was not finished; removed at the next start")
        }
        if findings.isEmpty { add(".", "directory", .note, "holds no file of Meter's") }
    }

    // MARK: - One file

    /// A single file under any name.
    mutating func file(_ name: String) throws(DiskError) {
        switch try MeterPath.kind(of: name, on: disk) {
        case .sealed: sealed(name, isNamed: false)
        case .journal:
            journal(
                OverlayDisk(disk, only: [name]),
                from: try JournalStart.read(name, on: disk) ?? 0
            )
        case .book:
            let shown = OverlayDisk(disk, only: [name])
            do throws(DiskError) {
                let recovery = try Book.read(shown) { _ in }
                // The files before and after are out of sight, on purpose.
                report(
                    recovery,
                    ignoring: { damage in
                        switch damage.kind {
                        case .fileMissing, .headerMismatch: true
                        default: false
                        }
                    },
                    as: name
                )
            } catch { add(name, "book", .damaged, "\(error)") }
        case nil: add(name, "unknown", .damaged, "does not begin like any file of Meter's")
        }
    }

    // MARK: - Kinds

    private static func isNamedLikeOurs(_ name: String) -> Bool {
        switch DataFileName(name) {
        case .journal, .sealed: true
        case .temporary: false
        case nil: name.hasPrefix("journal-") || name.hasPrefix("book.")
        }
    }

    private mutating func sealed(_ name: String, isNamed: Bool) {
        let file: SealedFile
        do throws(SealedFileError) {
            file =
                isNamed
                ? try SealedFile.open(name, on: disk) : try SealedFile(anyName: name, on: disk)
            for index in 0..<file.pieceCount { _ = try file.piece(index) }
        } catch {
            return add(name, "sealed", .damaged, "\(error)")
        }
        let span = "[\(file.span.from), \(file.span.to))"
        guard file.kind == .segment else {
            return add(name, file.kind.rawValue, .good, "\(file.pieceCount) pieces, span \(span)")
        }
        do throws(SegmentError) {
            let segment = try Segment(file)
            if let contradiction = try Self.contradiction(in: segment) {
                return add(name, "segment", .damaged, contradiction)
            }
            add(
                name,
                "segment",
                .good,
                "\(segment.rowCount) rows of \(segment.series.count) series, span \(span)"
            )
        } catch {
            add(name, "segment", .damaged, "\(error)")
        }
    }

    /// Compares the rows' sums with the footer's.
    private static func contradiction(in segment: Segment) throws(SegmentError) -> String? {
        var accumulator = UsageAccumulator(
            UsageQuery(
                windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
                grouping: [.component],
                classes: .all,
                withVariants: true
            )
        )
        let scan = try segment.scan(into: &accumulator)
        if let first = scan.damaged.first { return first.error.description }
        let found = accumulator.finish()
        for stated in segment.totals {
            let sum = found[UsageGroup(component: stated.component)] ?? UsageTotal()
            guard sum == stated.total else {
                return
                    "the rows of \(ComponentVariant.label(stated.component)) add up to \(sum.sum) in \(sum.count) amounts, "
                    + "the footer states \(stated.total.sum) in \(stated.total.count)"
            }
        }
        return nil
    }

    private mutating func journal(_ disk: OverlayDisk, from start: UInt64) {
        var random = SystemRandomNumberGenerator()
        var records: UInt64 = 0
        do throws(ReplayError<Never>) {
            let (_, recovery) = try Journal.open(disk: disk, from: start, random: &random) { _ in
                records += 1
            }
            for damage in recovery.damaged {
                add(damage.file, "journal", .damaged, damage.description)
            }
            if let tail = recovery.tornTail {
                add(
                    tail.file,
                    "journal",
                    .note,
                    "\(tail.byteCount) bytes at the end are of a commit that never finished; nothing "
                        + "of it was acknowledged"
                )
            }
            if recovery.damaged.isEmpty {
                add(
                    "journal",
                    "journal",
                    .good,
                    "\(records) records in [\(start), \(recovery.end))"
                )
            }
        } catch {
            add("journal", "journal", .damaged, error.description)
        }
    }

    private mutating func book() throws(DiskError) {
        report(try Book.read(disk) { _ in }, ignoring: { _ in false }, as: "book")
    }

    private mutating func report(
        _ recovery: BookRecovery,
        ignoring isExpected: (BookDamage) -> Bool,
        as name: String
    ) {
        let damage = recovery.damage.filter { !isExpected($0) }
        for damage in damage { add(damage.file, "book", .damaged, damage.description) }
        for aside in recovery.aside { add(aside.file, "book", .note, aside.description) }
        if damage.isEmpty {
            add(name, "book", .good, "\(recovery.entryCount) decisions, chain intact")
        }
    }

    private mutating func add(
        _ file: String,
        _ kind: String,
        _ state: Finding.State,
        _ detail: String
    ) {
        findings.append(Finding(file: file, kind: kind, state: state, detail: detail))
    }
}
