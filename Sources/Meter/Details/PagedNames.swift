internal import MeterWire

/// A name that a sorted dictionary is made of, in pages of a file.
protocol PagedName: Comparable, Hashable, Sendable {
    static func encodePage(_ names: ArraySlice<Self>) -> [UInt8]
    /// Strictly ascending names.
    static func decodePage(_ bytes: [UInt8]) throws(ByteReader.Malformed) -> [Self]
}

extension SeriesName: PagedName {
    static func encodePage(_ names: ArraySlice<SeriesName>) -> [UInt8] { SeriesPage.encode(names) }

    static func decodePage(_ bytes: [UInt8]) throws(ByteReader.Malformed) -> [SeriesName] {
        var names: [SeriesName] = []
        try SeriesPage.decode(bytes, into: &names)
        return names
    }
}

/// Varint names; for each: varint bytes in common with the one before | varint others | those bytes.
extension Name: PagedName {
    static func encodePage(_ names: ArraySlice<Name>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(varint: UInt64(names.count))
        var previous = Name(bytes: [])
        for name in names {
            bytes.append(name, after: previous)
            previous = name
        }
        return bytes
    }

    static func decodePage(_ bytes: [UInt8]) throws(ByteReader.Malformed) -> [Name] {
        var reader = ByteReader(bytes)
        var names: [Name] = []
        for _ in 0..<(try reader.count(eachAtLeast: 2)) {
            let name = try reader.name(after: names.last ?? Name(bytes: []))
            if let last = names.last, !(last < name) { throw ByteReader.Malformed() }
            names.append(name)
        }
        guard reader.isAtEnd else { throw ByteReader.Malformed() }
        return names
    }
}

/// Where the names of a sorted dictionary are: in memory the first name of each page, the pages in the file.
struct PagedNames<Element: PagedName>: Sendable {
    /// Names of each page but the last.
    static var pageCount: Int { 256 }

    let count: Int
    /// The piece of the file that has the first page.
    var firstPiece = 0
    /// The first name of each page.
    let firsts: [Element]

    /// The dictionary of an ascending list, and its pages in order.
    static func pages(of names: [Element]) -> (PagedNames, [[UInt8]]) {
        var firsts: [Element] = []
        var pages: [[UInt8]] = []
        for start in stride(from: 0, to: names.count, by: pageCount) {
            firsts.append(names[start])
            pages.append(
                Element.encodePage(names[start..<min(start + pageCount, names.count)]))
        }
        return (PagedNames(count: names.count, firsts: firsts), pages)
    }

    private init(count: Int, firsts: [Element]) {
        self.count = count
        self.firsts = firsts
    }

    /// Varint names | varint bytes of the next | the first names, as a page.
    func encode(to bytes: inout [UInt8]) {
        let page = Element.encodePage(firsts[...])
        bytes.append(varint: UInt64(count))
        bytes.append(varint: UInt64(page.count))
        bytes += page
    }

    init(_ reader: inout ByteReader) throws(ByteReader.Malformed) {
        count = Int(try reader.varint(upTo: UInt64(UInt32.max)))
        let byteCount = try reader.count(eachAtLeast: 1)
        firsts = try Element.decodePage(Array(try reader.slice(byteCount)))
        let pageCount = (count + Self.pageCount - 1) / Self.pageCount
        guard firsts.count == pageCount else { throw ByteReader.Malformed() }
    }

    /// Names that the page has.
    func count(ofPage page: Int) -> Int { min(Self.pageCount, count - page * Self.pageCount) }
}

/// Reads names of one file's dictionary, page by page; keeps the pages that it has read.
struct PagedNamesReader<Element: PagedName> {
    private let names: PagedNames<Element>
    private let file: SealedFile
    private var pages: [Int: [Element]] = [:]

    init(_ names: PagedNames<Element>, of file: SealedFile) {
        self.names = names
        self.file = file
    }

    var count: Int { names.count }

    private mutating func page(_ page: Int) throws(SealedFileError) -> [Element] {
        if let known = pages[page] { return known }
        let piece = names.firstPiece + page
        let decoded: [Element]
        let bytes = try file.piece(piece)
        do throws(ByteReader.Malformed) {
            decoded = try Element.decodePage(bytes)
        } catch { throw .malformed(file: file.name, part: .piece(piece)) }
        guard decoded.count == names.count(ofPage: page), decoded.first == names.firsts[page],
            page + 1 == names.firsts.count
                || decoded.last.map({ $0 < names.firsts[page + 1] }) == true
        else { throw .malformed(file: file.name, part: .piece(piece)) }
        pages[page] = decoded
        return decoded
    }

    /// The name at an index below `count`.
    mutating func name(at index: Int) throws(SealedFileError) -> Element {
        let pageCount = PagedNames<Element>.pageCount
        return try page(index / pageCount)[index % pageCount]
    }

    /// The first index whose name satisfies `predicate`, where all after it do too.
    ///
    /// - Complexity: O(log names) and one page.
    mutating func partitioningIndex(
        where predicate: (Element) -> Bool
    ) throws(SealedFileError) -> Int {
        let after = names.firsts.partitioningIndex(where: predicate)
        guard after > 0 else { return 0 }
        let start = (after - 1) * PagedNames<Element>.pageCount
        return start + (try page(after - 1)).partitioningIndex(where: predicate)
    }

    /// The index of a name; nil if it is not there.
    mutating func index(of name: Element) throws(SealedFileError) -> Int? {
        let index = try partitioningIndex { !($0 < name) }
        guard index < count else { return nil }
        return try self.name(at: index) == name ? index : nil
    }

    /// All names, in order; keeps none of their pages.
    func all() throws(SealedFileError) -> [Element] {
        var reader = self
        var all: [Element] = []
        all.reserveCapacity(count)
        for page in names.firsts.indices {
            all += try reader.page(page)
            reader.pages = [:]
        }
        return all
    }
}

extension PagedNamesReader where Element == SeriesName {
    /// The stretches of the dictionary that belong to these tenants and agents, ascending and not empty;
    /// nil stands for all. What is in a stretch may still be of another agent.
    mutating func ranges(
        tenants: Set<Name>?, agents: Set<Name>?
    ) throws(SealedFileError) -> [Range<Int>] {
        guard let tenants else { return count == 0 ? [] : [0..<count] }
        var ranges: [Range<Int>] = []
        for tenant in tenants.sorted() {
            let start = try partitioningIndex { !($0.tenant < tenant) }
            let end = try partitioningIndex { tenant < $0.tenant }
            guard start < end else { continue }
            guard let agents, agents.count < (end - start) / 8 else {
                ranges.append(start..<end)
                continue
            }
            for agent in agents.sorted() {
                let key = (tenant, agent)
                let first = try partitioningIndex { !(($0.tenant, $0.agent) < key) }
                let last = try partitioningIndex { key < ($0.tenant, $0.agent) }
                if first < last { ranges.append(first..<last) }
            }
        }
        return ranges
    }
}
