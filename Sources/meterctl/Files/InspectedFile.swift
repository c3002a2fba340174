internal import Meter
internal import MeterDisk
internal import MeterWire

/// What a file holds, as a table.
struct InspectedFile {
    private(set) var table = Table("lines", [])
    /// What is said of the whole.
    private(set) var remarks: [String] = []
    /// Whether it begins like a file of Meter's.
    private(set) var isMeters = true

    /// Reads at most `limit` records or decisions.
    init(_ target: MeterPath, limit: Int) throws(DiskError) {
        guard let name = target.file else {
            try directory(target.disk)
            return
        }
        switch try MeterPath.kind(of: name, on: target.disk) {
        case .sealed: sealed(name, target.disk)
        case .journal: journal(name, target.disk, limit)
        case .book: try book(name, target.disk, limit)
        case nil: isMeters = false
        }
    }

    private mutating func directory(_ disk: any Disk) throws(DiskError) {
        table = Table(
            "lines",
            [.text("file"), .text("kind"), .number("from"), .number("to"), .text("role")]
        )
        let names = try disk.list().sorted()
        let live = LiveFiles.find(names)
        let counting = Set((live.segments + live.identifiers + live.details).map(\.name))
        for name in names {
            switch DataFileName(name) {
            case .journal: table.add(name, "journal", "", "", "counts")
            case .sealed(let kind, let span):
                let isLive = counting.contains(name) || live.dedup?.name == name
                table.add(
                    name,
                    kind.rawValue,
                    "\(span.from)",
                    "\(span.to)",
                    isLive ? "counts" : "does not count"
                )
            case .temporary: table.add(name, "temporary", "", "", "removed at the next start")
            case nil:
                let kind = try MeterPath.kind(of: name, on: disk)
                table.add(name, kind?.name ?? "other", "", "", kind == .book ? "counts" : "")
            }
        }
        remarks.append("checkpoint at \(live.checkpoint)")
    }

    private mutating func sealed(_ name: String, _ disk: any Disk) {
        do throws(SealedFileError) {
            let file = try SealedFile(anyName: name, on: disk)
            remarks.append(
                "\(file.kind.rawValue), span [\(file.span.from), \(file.span.to)), "
                    + "\(file.pieceCount) pieces, \(file.byteCount) bytes"
            )
            guard file.kind == .segment else {
                table = Table("lines", [.number("piece"), .number("bytes")])
                for index in 0..<file.pieceCount {
                    table.add("\(index)", "\(try file.piece(index).count)")
                }
                return
            }
            table = Table("lines", [.text("component"), .number("sum"), .number("amounts")])
            do throws(SegmentError) {
                let segment = try Segment(file)
                for total in segment.totals {
                    table.add(
                        ComponentVariant.label(total.component),
                        "\(total.total.sum)",
                        "\(total.total.count)"
                    )
                }
                let minutes = segment.minutes.flatMap { range in
                    TimeText.text(range.lowerBound).map { first in
                        "\(first) to \(TimeText.text(range.upperBound) ?? "")"
                    }
                }
                remarks.append(
                    "\(segment.rowCount) rows, \(segment.series.count) series, "
                        + "minutes \(minutes ?? "none")"
                )
            } catch { remarks.append(error.description) }
        } catch {
            remarks.append("\(error)")
        }
    }

    private mutating func book(_ name: String, _ disk: any Disk, _ limit: Int) throws(DiskError) {
        table = Table(
            "lines",
            [
                .number("no"), .text("time"), .text("author"), .text("decision"),
                .prose("entry"),
            ]
        )
        var lines: [[String]] = []
        let recovery = try Book.read(OverlayDisk(disk, only: [name])) { entry in
            guard lines.count < limit else { return }
            lines.append([
                "\(entry.number)", TimeText.text(entry.time) ?? "", entry.author,
                entry.decision.kind.rawValue, entry.json,
            ])
        }
        for line in lines { table.add(line) }
        remarks.append("\(recovery.entryCount) decisions")
        remarks += recovery.damage.map(\.description)
    }

    private mutating func journal(_ name: String, _ disk: any Disk, _ limit: Int) {
        table = Table(
            "lines",
            [
                .number("position"), .text("kind"), .text("received"), .text("principal"),
                .text("source"), .number("first"), .number("events"), .state("verdict"),
            ]
        )
        let start: UInt64
        do throws(DiskError) {
            start = try JournalStart.read(name, on: disk) ?? 0
        } catch {
            remarks.append("\(error)")
            return
        }
        var random = SystemRandomNumberGenerator()
        var lines: [[String]] = []
        var count = 0
        do throws(ReplayError<Never>) {
            let (_, recovery) = try Journal.open(
                disk: OverlayDisk(disk, only: [name]),
                from: start,
                random: &random
            ) { record in
                count += 1
                if lines.count < limit { lines.append(Self.line(record)) }
            }
            remarks.append("\(count) records in [\(start), \(recovery.end))")
            remarks += recovery.damaged.map(\.description)
        } catch {
            remarks.append(error.description)
        }
        for line in lines { table.add(line) }
    }

    private static func line(_ record: JournalRecord) -> [String] {
        let position = "\(record.position)"
        do throws(FrameError) {
            switch record.kind {
            case RecordKind.frame:
                let frame = try unsafe FrameRecord.parse(record.payload).record
                return [
                    position, "\(frame.header.kind)", TimeText.text(frame.receivedAt) ?? "",
                    "\(frame.principal)", "\(frame.header.source)",
                    "\(frame.header.firstSequence)", "\(frame.header.eventCount)",
                    verdict(frame.verdict),
                ]
            case RecordKind.batch:
                let batch = try unsafe BatchRecord.parse(record.payload).record
                let accepted = batch.outcomes.count { $0 == .accepted }
                return [
                    position, "batch", TimeText.text(batch.receivedAt) ?? "",
                    "\(batch.principal)", "", "", "\(batch.outcomes.count)",
                    "\(accepted) accepted",
                ]
            default: return [position, "unknown \(record.kind)"]
            }
        } catch {
            return [position, "unreadable: \(error)"]
        }
    }

    private static func verdict(_ verdict: Verdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .refused(let reason): "refused: \(reason.name)"
        case .partly(let refusals): "\(refusals.count) refused"
        case .inConflict: "in conflict"
        }
    }
}
