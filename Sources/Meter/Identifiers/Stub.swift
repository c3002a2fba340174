import MeterWire
struct IdentifierTable: Sendable { var d: [EventIdentity: UInt64] = [:] }
final class IdentifierFile: Sendable {
    static func write(_ t: IdentifierTable, span: JournalSpan, to disk: any Disk) throws(SealedFileError) -> IdentifierFile { var w = try SealedFileWriter(.identifiers, span, on: disk); try w.append([1], effort: nil); _ = try w.seal(); return IdentifierFile() }
}
struct IdentifierIndex: Sendable {
    init(files: [String], on disk: any Disk, seed: UInt64) throws(SealedFileError) {}
    private var d: [EventIdentity.Key: UInt64] = [:]
    func content(of k: EventIdentity.Key) -> UInt64? { d[k] }
    mutating func insert(_ r: BatchRecord) { for (o, i) in zip(r.outcomes, r.identities) where o == .accepted { d[i.key] = i.content } }
    mutating func beginFlush() -> IdentifierTable { IdentifierTable() }
    mutating func endFlush(_ f: IdentifierFile) {}
}
enum MergePolicy { static func next(_ s: [Segment]) -> Range<Int>? { nil } }
enum SegmentMerger { static func merge(_ s: [Segment], to disk: any Disk) throws(SegmentError) -> SegmentSummary { throw .notAdjacent(left: s[0].span, right: s[0].span) } }
