/// The files that count, found from the names in the directory alone.
///
/// A checkpoint at P exists when a dedup file covers `[0, P)` and both segments and id files can be
/// chained from 0 to P without gap or overlap (a span without rows still has its files). The greatest
/// such P is the checkpoint. Of several chains to P the one with the widest files from the left counts, so a
/// merged file takes over from its inputs in the moment in which it gets its name.
package struct LiveFiles: Equatable, Sendable {
    /// A sealed file and the span that it covers.
    package struct File: Hashable, Sendable {
        package let name: String
        package let span: JournalSpan
    }

    /// Everything before this position is in the files below; the journal counts from here on. 0 where
    /// there is no checkpoint.
    package private(set) var checkpoint: UInt64 = 0
    /// A chain from 0 to `checkpoint`, in order.
    package private(set) var segments: [File] = []
    /// A chain from 0 to `checkpoint`, in order.
    package private(set) var identifiers: [File] = []
    /// Covers `[0, checkpoint)`; nil only where there is no checkpoint.
    package private(set) var dedup: File?
    /// Details before the checkpoint, in order, without overlap; gaps are where a file was lost.
    package private(set) var details: [File] = []
    /// Of journal files, whatever the checkpoint is; each is worth something beside its file only.
    package private(set) var kept: [File] = []
    /// The numbers of the journal's files, ascending.
    package private(set) var journalNumbers: [UInt64] = []
    /// Files before the checkpoint that a wider one replaces. They may be removed.
    package private(set) var superseded: [String] = []
    /// Files that reach beyond the checkpoint, of a checkpoint that was not completed. They may be removed
    /// once the journal was found to go on from `checkpoint`, and not before: a lost dedup file
    /// looks the same.
    package private(set) var unfinished: [String] = []
    /// Files that were being written when the process ended. They may be removed.
    package private(set) var temporary: [String] = []
    /// Names that Meter never gives.
    package private(set) var unknown: [String] = []

    /// What an interrupted checkpoint or merge left behind.
    package var leftovers: [String] { temporary + unfinished }

    /// Sorts the names of a directory, given in any order.
    ///
    /// - Complexity: O(n log n).
    package static func find(_ names: [String]) -> LiveFiles {
        var files: [DataFileKind: [File]] = [:]
        var live = LiveFiles()
        for name in names.sorted() {
            switch DataFileName(name) {
            case .journal(let number): live.journalNumbers.append(number)
            case .sealed(let kind, let span):
                files[kind, default: []].append(File(name: name, span: span))
            case .temporary: live.temporary.append(name)
            case nil: live.unknown.append(name)
            }
        }
        live.settle(files)
        return live
    }

    private mutating func settle(_ files: [DataFileKind: [File]]) {
        let segmentFiles = files[.segment] ?? []
        let identifierFiles = files[.identifiers] ?? []
        let dedupFiles = files[.dedup] ?? []
        let bySegments = Self.reachable(segmentFiles)
        let byIdentifiers = Self.reachable(identifierFiles)
        dedup =
            dedupFiles
            .filter { bySegments.contains($0.span.to) && byIdentifiers.contains($0.span.to) }
            .max { $0.span.to < $1.span.to }
        checkpoint = dedup?.span.to ?? 0
        segments = Self.chain(segmentFiles, to: checkpoint)
        identifiers = Self.chain(identifierFiles, to: checkpoint)
        details = Self.widest(files[.details] ?? [], before: checkpoint)

        kept = files[.kept] ?? []

        var counting = Set((segments + identifiers + details + kept).map(\.name))
        if let dedup { counting.insert(dedup.name) }
        for file in files.values.joined().sorted(by: { $0.name < $1.name })
        where !counting.contains(file.name) {
            if file.span.to <= checkpoint {
                superseded.append(file.name)
            } else {
                unfinished.append(file.name)
            }
        }
    }

    /// Every position to which a chain from 0 leads.
    private static func reachable(_ files: [File]) -> Set<UInt64> {
        var positions: Set<UInt64> = [0]
        for file in files.sorted(by: { $0.span.from < $1.span.from })
        where positions.contains(file.span.from) {
            positions.insert(file.span.to)
        }
        return positions
    }

    /// The chain from 0 to `end`, at each step the widest file from which `end` can still be reached.
    private static func chain(_ files: [File], to end: UInt64) -> [File] {
        var next: [UInt64: File] = [:]
        for file in files.sorted(by: { $0.span.from > $1.span.from })
        where file.span.to == end || next[file.span.to] != nil {
            if let other = next[file.span.from], other.span.to >= file.span.to { continue }
            next[file.span.from] = file
        }
        var chain: [File] = []
        var position: UInt64 = 0
        while position < end, let file = next[position] {
            chain.append(file)
            position = file.span.to
        }
        return chain
    }

    /// From the left the widest files that end by `end`, without overlap.
    private static func widest(_ files: [File], before end: UInt64) -> [File] {
        var chosen: [File] = []
        let ordered = files.sorted {
            ($0.span.from, $1.span.to) < ($1.span.from, $0.span.to)
        }
        for file in ordered where file.span.to <= end {
            if file.span.from >= chosen.last?.span.to ?? 0 { chosen.append(file) }
        }
        return chosen
    }
}
