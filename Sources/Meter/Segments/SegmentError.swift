package import MeterWire

/// Why a segment could not be written, read or merged.
package enum SegmentError: Error, Equatable, Sendable {
    /// The file around the rows.
    case file(SealedFileError)
    /// A block's checksum does not fit; the other blocks of the file can still be read.
    case damaged(file: String, block: Int, expected: UInt32, found: UInt32)
    /// A block's checksums hold, its content contradicts itself or the footer.
    case malformedBlock(file: String, block: Int)
    /// The footer's or the dictionary's checksums hold, the content contradicts itself.
    case malformedFooter(file: String)
    /// The rows to be written are not in canonical order, or name what is not in the dictionaries.
    case notCanonical(row: Int)
    /// The series or components to be written are not sorted, or one is there twice.
    case dictionaryNotSorted(index: Int)
    /// The rows do not add up to what the footer says, or a merge to what its inputs do.
    case sumsDiffer(file: String, component: Name, expected: UInt128, found: UInt128)
    /// The numbers of rows or amounts differ likewise.
    case countsDiffer(file: String, expected: UInt64, found: UInt64)
    /// Segments to be merged do not follow each other without gap or overlap.
    case notAdjacent(left: JournalSpan, right: JournalSpan)
}

extension SegmentError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .damaged(let file, let block, let expected, let found):
            "\(file): block \(block) has checksum \(Hexadecimal.text(UInt64(found)).suffix(8)), "
                + "not \(Hexadecimal.text(UInt64(expected)).suffix(8)); "
                + "its rows are missing from answers until the file is restored from the archive"
        case .malformedBlock(let file, let block):
            "\(file): block \(block) contradicts itself though its checksum holds; "
                + "keep the file and report a defect"
        case .malformedFooter(let file):
            "\(file): the footer contradicts itself though its checksum holds; "
                + "keep the file and report a defect"
        case .notCanonical(let row):
            "row \(row) is out of order or names a series or component that is not there"
        case .dictionaryNotSorted(let index):
            "entry \(index) of the dictionary is not greater than the one before it"
        case .sumsDiffer(let file, let component, let expected, let found):
            "\(file): \(component) adds up to \(found), not \(expected); "
                + "keep the file and report a defect"
        case .countsDiffer(let file, let expected, let found):
            "\(file): holds \(found) amounts, not \(expected); keep the file and report a defect"
        case .notAdjacent(let left, let right):
            "a segment that ends at \(left.to) cannot be merged with one that begins at \(right.from)"
        }
    }
}
