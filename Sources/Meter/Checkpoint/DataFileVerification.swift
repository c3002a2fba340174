internal import MeterWire

/// What `meterctl verify` and `inspect` say of one sealed file.
package struct DataFileReport: Sendable {
    /// A line of the report.
    package struct Line: Equatable, Sendable {
        package let label: String
        package let value: String
    }

    package let name: String
    package let kind: DataFileKind
    package let span: JournalSpan
    package let byteCount: Int
    package fileprivate(set) var lines: [Line] = []
    /// What is wrong with it, one line each; empty if everything holds.
    package fileprivate(set) var findings: [String] = []

    package var isSound: Bool { findings.isEmpty }

    fileprivate mutating func add(_ label: String, _ value: some CustomStringConvertible) {
        lines.append(Line(label: label, value: value.description))
    }
}

/// Recognises sealed files by their first bytes and proves everything in them.
package enum DataFileVerification {
    /// Reads all of a file, whatever its name, and lists what is in it.
    ///
    /// - Returns: A report, also where pieces are damaged: the findings then name each of them.
    /// - Throws: Where the file is none of these kinds, or its frame cannot be read.
    /// - Complexity: O(bytes); memory for the names and one piece.
    package static func report(
        on name: String,
        _ disk: any Disk
    ) throws(SealedFileError) -> DataFileReport {
        let file = try SealedFile(anyName: name, on: disk)
        var report = DataFileReport(
            name: name,
            kind: file.kind,
            span: file.span,
            byteCount: file.byteCount
        )
        report.add("kind", file.kind.rawValue)
        report.add("from", file.span.from)
        report.add("to", file.span.to)
        report.add("bytes", file.byteCount)
        report.add("pieces", file.pieceCount)
        for piece in 0..<file.pieceCount {
            do throws(SealedFileError) { try file.check(piece) } catch {
                report.findings.append(error.description)
            }
        }
        switch file.kind {
        case .segment: describeSegment(file, &report)
        case .identifiers: describeIdentifiers(file, &report)
        case .details: describeDetails(file, &report)
        case .kept: describeKept(file, &report)
        case .dedup: break
        }
        return report
    }

    private static func describeSegment(_ file: SealedFile, _ report: inout DataFileReport) {
        do throws(SegmentError) {
            let segment = try Segment(file)
            report.add("rows", segment.rowCount)
            report.add("blocks", segment.blockCount)
            report.add("series", segment.series.count)
            if let minutes = segment.minutes {
                report.add("first minute", minutes.lowerBound.rawValue)
                report.add("last minute", minutes.upperBound.rawValue)
            }
            report.add("retained from minute", segment.retainedFrom.rawValue)
            for entry in segment.totals {
                report.add("sum of \(entry.component)", entry.total.sum)
                report.add("count of \(entry.component)", entry.total.count)
            }
            if report.isSound { try segment.verify() }
        } catch {
            report.note(error.description)
        }
    }

    private static func describeIdentifiers(_ file: SealedFile, _ report: inout DataFileReport) {
        do throws(SealedFileError) {
            let identifiers = try IdentifierFile(file)
            report.add("ids", identifiers.entryCount)
            report.add("earliest minute", identifiers.head.earliest.rawValue)
            report.add("latest minute", identifiers.head.latest.rawValue)
            if report.isSound { try identifiers.verify() }
        } catch {
            report.note(error.description)
        }
    }
}

extension DataFileVerification {
    private static func describeDetails(_ file: SealedFile, _ report: inout DataFileReport) {
        do throws(SealedFileError) {
            let details = try DetailsFile(file)
            report.add("rows", details.rowCount)
            report.add("blocks", details.blockCount)
            report.add("series", details.seriesCount)
            report.add("models", details.modelCount)
            report.add("users", details.userCount)
            report.add("calls", details.calls)
            if let quarters = details.quarters {
                report.add("first quarter hour", quarters.lowerBound.rawValue)
                report.add("last quarter hour", quarters.upperBound.rawValue)
            }
            report.add("retained from quarter hour", details.retainedFrom.rawValue)
            report.add("erasures applied through entry", details.erasedThrough)
            for entry in details.totals {
                report.add("sum of \(entry.component)", entry.total.sum)
                report.add("count of \(entry.component)", entry.total.count)
            }
            if report.isSound { try details.verify() }
        } catch {
            report.note(error.description)
        }
    }
}

extension DataFileVerification {
    private static func describeKept(_ file: SealedFile, _ report: inout DataFileReport) {
        do throws(SealedFileError) {
            let index = try KeptIndexFile(file)
            let contents = index.contents
            report.add("records", contents.recordCount)
            report.add("events", contents.eventCount)
            report.add("counted events", contents.countedEventCount)
            report.add("sources", contents.listsSources ? "\(contents.sourceCount)" : "not listed")
            let times: [(String, ClosedRange<Timestamp>?)] = [
                ("received", contents.received), ("counted events happened", contents.counted),
                ("events happened", contents.any),
            ]
            for (label, times) in times {
                guard let times else { continue }
                let first = TimeText.text(times.lowerBound) ?? "\(times.lowerBound.milliseconds) ms"
                let last = TimeText.text(times.upperBound) ?? "\(times.upperBound.milliseconds) ms"
                report.add(label, "\(first) to \(last)")
            }
            if contents.isDamaged { report.add("the journal file", "is damaged") }
            if report.isSound { try index.check(file) }
        } catch {
            report.note(error.description)
        }
    }
}

extension DataFileReport {
    fileprivate mutating func note(_ finding: String) {
        if !findings.contains(finding) { findings.append(finding) }
    }
}

extension SealedFile {
    /// Reads a piece and forgets it.
    package func check(_ piece: Int) throws(SealedFileError) {
        var buffer = PieceBuffer()
        try read(piece, into: &buffer)
    }
}
