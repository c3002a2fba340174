/// Anything with an id that can stand in a table.
protocol Identified: Sendable {
    var id: ID { get }
}

/// Rows in order of creation, found by id, and by what they are of.
struct Table<Row: Identified>: Sendable {
    private(set) var rows: [Row] = []
    private var places: [ID: Int] = [:]
    private var placesOf: [ID: [Int]] = [:]
    private let owner: @Sendable (Row) -> ID?

    /// - Parameter owner: What a row is of, which never changes.
    init(of owner: @escaping @Sendable (Row) -> ID? = { _ in nil }) { self.owner = owner }

    /// Adds a row; a row with the same id is replaced in its place.
    mutating func insert(_ row: Row) {
        if let place = places[row.id] {
            rows[place] = row
        } else {
            places[row.id] = rows.count
            if let owner = owner(row) { placesOf[owner, default: []].append(rows.count) }
            rows.append(row)
        }
    }

    /// The rows of one owner, in order of creation.
    func rows(of owner: ID) -> [Row] { (placesOf[owner] ?? []).map { rows[$0] } }

    subscript(id: ID) -> Row? {
        places[id].map { rows[$0] }
    }

    subscript(id: ID?) -> Row? {
        id.flatMap { self[$0] }
    }

    /// Changes a row in place; an unknown id changes nothing.
    mutating func update(_ id: ID, _ change: (inout Row) -> Void) {
        if let place = places[id] { change(&rows[place]) }
    }
}
