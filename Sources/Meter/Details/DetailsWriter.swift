internal import MeterWire

/// Writes a details file from rows in canonical order, and keeps no more than one block of them.
struct DetailsWriter: ~Copyable {
    private let names: DetailNames
    private let isReplacement: Bool
    private var footer = DetailsFooter()
    private var writer: SealedFileWriter
    private var block = DetailBlockBuilder()

    /// The name that the file will have.
    var name: String { writer.name }
    /// What all rows so far add up to.
    var sums: DetailSums { DetailSums(footer) }

    /// Begins the file; the names ascend strictly, and rows refer to all of them.
    init(names: DetailNames, target: DetailsWriting.Target) throws(SealedFileError) {
        self.names = names
        isReplacement = target.isReplacement
        footer.components = names.components.map {
            ComponentTotal(component: $0, total: UsageTotal())
        }
        footer.retainedFrom = target.retainedFrom
        footer.erasedThrough = target.erasedThrough
        writer = try SealedFileWriter(.details, target.span, on: target.disk)
    }

    /// Adds rows, whose keys are above those of all rows before.
    mutating func append(_ rows: [DetailRow]) throws(SealedFileError) {
        for row in rows {
            footer.note(row)
            block.append(row)
            if block.isFull { try writeBlock() }
        }
    }

    private mutating func writeBlock() throws(SealedFileError) {
        let (rows, histograms, zone) = block.finish()
        footer.blocks.append(zone)
        try writer.append(rows, effort: .fast)
        try writer.append(histograms, effort: .fast)
    }

    /// Writes what is left, the names and the footer, and names the file.
    consuming func finish() throws(SealedFileError) -> DetailsFile {
        if !block.isEmpty { try writeBlock() }
        let (seriesNames, seriesPages) = PagedNames.pages(of: names.series)
        let (modelNames, modelPages) = PagedNames.pages(of: names.models)
        let (userNames, userPages) = PagedNames.pages(of: names.users)
        for page in seriesPages + modelPages + userPages {
            try writer.append(page, effort: .fast)
        }
        let dictionaries = DetailsDictionaries(
            series: seriesNames, models: modelNames, users: userNames)
        try writer.append(footer.encode(dictionaries), effort: .fast)
        return try DetailsFile(writer.seal(isReplacement: isReplacement))
    }
}

/// What the rows of a details file add up to, to compare one file with others.
struct DetailSums: Equatable {
    var calls: UInt64 = 0
    var durations: UInt64 = 0
    var tokens: UInt64 = 0
    var components: [Name: UsageTotal] = [:]

    init() {}

    init(_ footer: DetailsFooter) {
        calls = footer.calls
        durations = footer.durationCount
        tokens = footer.tokenCount
        for entry in footer.components { components[entry.component] = entry.total }
    }

    static func += (left: inout DetailSums, right: DetailSums) {
        left.calls = left.calls.addingClamped(right.calls)
        left.durations = left.durations.addingClamped(right.durations)
        left.tokens = left.tokens.addingClamped(right.tokens)
        for (component, total) in right.components {
            left.components[component, default: UsageTotal()].add(total)
        }
    }
}

/// What the rows of a new details file must add up to.
enum DetailExpectation {
    /// The amounts, as usage has them.
    case amounts([ComponentTotal])
    /// Everything, as the files have it that the new one replaces.
    case files([DetailsFile])

    func isMet(by found: DetailSums) -> Bool {
        switch self {
        case .amounts(let totals):
            return found.components
                == Dictionary(uniqueKeysWithValues: totals.map { ($0.component, $0.total) })
        case .files(let files):
            var sums = DetailSums()
            for file in files { sums += DetailSums(file.footer) }
            return found == sums
        }
    }
}
