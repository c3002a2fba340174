import Meter
import MeterTesting
import Testing

@Suite struct LiveFilesTests {
    private func name(_ kind: DataFileKind, _ from: UInt64, _ to: UInt64) -> String {
        DataFileName.sealed(kind, JournalSpan(from: from, to: to)).text
    }

    @Test func `names are written as documented`() {
        let span = JournalSpan(from: 0, to: 0xABCD)
        #expect(
            DataFileName.sealed(.segment, span).text
                == "segment-0000000000000000-000000000000abcd.ms"
        )
        #expect(
            DataFileName.sealed(.dedup, span).text == "dedup-0000000000000000-000000000000abcd.md"
        )
        #expect(
            DataFileName.sealed(.identifiers, span).text
                == "ids-0000000000000000-000000000000abcd.mi"
        )
        #expect(
            DataFileName.sealed(.details, span).text
                == "details-0000000000000000-000000000000abcd.mt"
        )
        #expect(DataFileName.journal(number: 12).text == "journal-0000000012")
    }

    @Test(arguments: [
        "", ".", "segment", "segment-0000000000000000-000000000000ABCD.ms",
        "segment-0000000000000000-000000000000abcd.md",
        "segment-0000000000000000-000000000000abcd.ms.old",
        "segment-000000000000abcd-0000000000000000.ms",
        "segment-0000000000000000-0000000000000000.ms",
        "segment-+000000000000000-000000000000abcd.ms", "segment-0-1.ms",
        "dedup-0000000000000001-000000000000abcd.md", "journal-12",
        "journal-0000000000000000-000000000000abcd", "LOCK", "book-0000000000000000.mb",
    ])
    func `a name that is never given is not recognised`(text: String) {
        #expect(DataFileName(text) == nil)
    }

    @Test func `every name that is given is recognised`() {
        for kind in DataFileKind.allCases {
            let file = DataFileName.sealed(kind, JournalSpan(from: 0, to: .max))
            #expect(DataFileName(file.text) == file)
        }
        #expect(DataFileName("journal-12345678901") == .journal(number: 12_345_678_901))
        #expect(DataFileName("segment-x.ms.tmp") == .temporary("segment-x.ms.tmp"))
    }

    @Test func `an empty directory has no checkpoint`() {
        let live = LiveFiles.find([])
        #expect(live.checkpoint == 0)
        #expect(live.segments.isEmpty && live.identifiers.isEmpty && live.dedup == nil)
    }

    @Test func `a merged file and its inputs are told apart, and so is an unfinished checkpoint`() {
        let live = LiveFiles.find([
            name(.segment, 0, 5), name(.segment, 5, 9), name(.segment, 0, 9),
            name(.segment, 9, 12), name(.segment, 12, 20), name(.identifiers, 0, 9),
            name(.identifiers, 9, 12), name(.dedup, 0, 9), name(.dedup, 0, 12),
            name(.kept, 0, 5), name(.kept, 9, 30),
            "segment-1.ms.tmp", "journal-0000000005", "journal-0000000012",
            "notes.txt",
        ])
        #expect(live.kept.map(\.name) == [name(.kept, 0, 5), name(.kept, 9, 30)])
        #expect(live.checkpoint == 12)
        #expect(live.segments.map(\.name) == [name(.segment, 0, 9), name(.segment, 9, 12)])
        #expect(
            live.identifiers.map(\.name) == [name(.identifiers, 0, 9), name(.identifiers, 9, 12)]
        )
        #expect(live.dedup?.name == name(.dedup, 0, 12))
        #expect(live.journalNumbers == [5, 12])
        #expect(
            live.superseded
                == [name(.dedup, 0, 9), name(.segment, 0, 5), name(.segment, 5, 9)]
        )
        #expect(live.unfinished == [name(.segment, 12, 20)])
        #expect(live.temporary == ["segment-1.ms.tmp"])
        #expect(live.leftovers == ["segment-1.ms.tmp", name(.segment, 12, 20)])
        #expect(live.unknown == ["notes.txt"])
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `any directory is read as the brute-force model reads it`(seed: UInt64) {
        var random = Seed(seed)
        let positions = UInt64(2 + random.below(5))
        var names: Set<String> = []
        for kind in [DataFileKind.segment, .identifiers, .dedup] {
            for _ in 0..<random.below(14) {
                let from = kind == .dedup ? 0 : UInt64(random.below(Int(positions)))
                let to = from + 1 + UInt64(random.below(Int(positions)))
                names.insert(name(kind, from, to))
            }
        }
        let live = LiveFiles.find(names.shuffled(using: &random))
        let model = LiveFilesModel(names)
        #expect(live.checkpoint == model.checkpoint)
        #expect(live.segments.map(\.name) == model.segments)
        #expect(live.identifiers.map(\.name) == model.identifiers)
        let accounted =
            live.segments.map(\.name) + live.identifiers.map(\.name)
            + (live.dedup.map { [$0.name] } ?? []) + live.superseded + live.unfinished
        #expect(accounted.sorted() == names.sorted())
        for name in live.superseded {
            guard case .sealed(_, let span) = DataFileName(name) else {
                Issue.record("\(name) is not a sealed file's name")
                continue
            }
            #expect(span.to <= live.checkpoint)
        }
    }
}

/// Every chain of files, tried one by one.
private struct LiveFilesModel {
    var checkpoint: UInt64 = 0
    var segments: [String] = []
    var identifiers: [String] = []

    init(_ names: Set<String>) {
        var spans: [DataFileKind: [JournalSpan]] = [:]
        for name in names {
            if case .sealed(let kind, let span) = DataFileName(name) {
                spans[kind, default: []].append(span)
            }
        }
        let ends = Set((spans[.dedup] ?? []).map(\.to))
        for end in ends.sorted(by: >) {
            let segmentChains = Self.chains(spans[.segment] ?? [], from: 0, to: end)
            let identifierChains = Self.chains(spans[.identifiers] ?? [], from: 0, to: end)
            guard let segments = segmentChains.max(by: Self.isNarrower),
                let identifiers = identifierChains.max(by: Self.isNarrower)
            else { continue }
            checkpoint = end
            self.segments = segments.map { DataFileName.sealed(.segment, $0).text }
            self.identifiers = identifiers.map { DataFileName.sealed(.identifiers, $0).text }
            return
        }
    }

    private static func isNarrower(_ left: [JournalSpan], _ right: [JournalSpan]) -> Bool {
        left.map(\.to).lexicographicallyPrecedes(right.map(\.to))
    }

    private static func chains(
        _ spans: [JournalSpan],
        from: UInt64,
        to end: UInt64
    ) -> [[JournalSpan]] {
        if from == end { return [[]] }
        return spans.filter { $0.from == from && $0.to <= end }.flatMap { span in
            chains(spans, from: span.to, to: end).map { [span] + $0 }
        }
    }
}
