internal import Logging
internal import Meter
internal import MeterCatalog
internal import MeterWire
internal import Synchronization

/// Keeps the SQLite catalog beside the data: an index for people and tools, which nothing depends on.
///
/// Brought up to date at the start, after each checkpoint and merge, and at the stop. Whatever is wrong
/// with it is mended by making it anew; a catalog that cannot be written is reported and metering goes on.
final class CatalogKeeper: Sendable {
    static let fileName = "catalog.sqlite"

    private let context: ServerContext
    private let disk: any Disk
    private let catalog: Mutex<Catalog?>

    init(context: ServerContext, disk: any Disk) {
        self.context = context
        self.disk = disk
        do throws(CatalogError) {
            let path = context.configuration.dataDirectory + "/" + Self.fileName
            let (opened, opening) = try Catalog.open(path)
            catalog = Mutex(opened)
            context.logger.info("catalog opened", metadata: ["found": "\(opening)"])
        } catch {
            catalog = Mutex(nil)
            context.logger.error("the catalog cannot be opened", metadata: ["error": "\(error)"])
        }
    }

    /// Takes over what book, files and sources say now.
    func refresh() {
        catalog.withLock { catalog in
            guard let catalog else { return }
            do {
                let files = try files()
                let sources = context.engine.sources().map { CatalogSource($0) }
                try follow(catalog, files, sources)
            } catch {
                context.logger.error(
                    "the catalog could not be brought up to date", metadata: ["error": "\(error)"])
            }
        }
    }

    /// What the catalog says that each segment adds up to; nil where it cannot be read.
    func listedSums() -> [String: [Name: UsageTotal]]? {
        let files = catalog.withLock { catalog in try? catalog?.files() }
        guard let files else { return nil }
        var listed: [String: [Name: UsageTotal]] = [:]
        for file in files where file.kind == DataFileKind.segment.rawValue {
            var sums: [Name: UsageTotal] = [:]
            for sum in file.sums {
                sums[sum.component] = UsageTotal(sum: sum.sum, count: sum.count)
            }
            listed[file.name] = sums
        }
        return listed
    }

    private func follow(
        _ catalog: Catalog, _ files: [CatalogFile], _ sources: [CatalogSource]
    ) throws {
        var entries: [BookEntry] = []
        _ = try Book.read(disk) { entries.append($0) }
        do throws(CatalogError) {
            let known = try catalog.bookHead.number
            try catalog.apply(book: entries.filter { $0.number > known })
            try catalog.apply(files: files)
            try catalog.apply(sources: sources)
        } catch {
            // Another book's catalog, or one that was changed: it says nothing that is not elsewhere.
            try catalog.rebuild(book: entries, files: files, sources: sources)
        }
    }

    /// The files that the state rests on; the journal's own are listed by `meterctl inspect`.
    private func files() throws(DiskError) -> [CatalogFile] {
        let live = LiveFiles.find(try disk.list())
        var files = context.engine.segments.map { CatalogFile($0) }
        for (kind, list) in [
            ("ids", live.identifiers), ("dedup", live.dedup.map { [$0] } ?? []),
            ("details", live.details),
        ] {
            for file in list {
                files.append(
                    CatalogFile(
                        name: file.name, kind: kind, from: file.span.from, to: file.span.to,
                        byteCount: UInt64(try disk.open(file.name).byteCount())))
            }
        }
        return files
    }
}

extension CatalogFile {
    fileprivate init(_ segment: Segment) {
        self.init(
            name: segment.name, kind: "segment", from: segment.span.from, to: segment.span.to,
            byteCount: UInt64(segment.byteCount), rowCount: segment.rowCount,
            minutes: segment.minutes,
            sums: segment.totals.map {
                Sum(component: $0.component, sum: $0.total.sum, count: $0.total.count)
            })
    }
}

extension CatalogSource {
    fileprivate init(_ source: SourceSummary) {
        let state =
            source.isQuarantined
            ? "quarantined" : source.isEnded ? "ended" : source.isUnclean ? "unclean" : "open"
        self.init(
            key: source.key, firstSeen: source.firstSeen, lastSeen: source.lastSeen,
            watermark: source.watermark, holes: source.openHoles, givenUp: source.givenUp,
            state: state)
    }
}
