internal import ArgumentParser
internal import MeterWaldur

/// How data is written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    /// Columns for people.
    case table
    /// One document for programs, the server's own where there is one; amounts are strings.
    case json
    /// The rows of the table for spreadsheets: names as in JSON, digits without spaces.
    case csv
}

/// The options that every verb with data has, and the one way in which data is shown.
struct OutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "How data is written.")
    var output: OutputFormat = .table

    @Flag(help: "No colours, as NO_COLOR=1.")
    var noColor = false

    /// Writes rows.
    ///
    /// - Parameters:
    ///   - document: What `-o json` gives; otherwise it is made of the rows.
    ///   - nothing: What a person is told where there are no rows.
    func show(_ table: Table, document: String? = nil, nothing: String = "nothing to show") {
        switch output {
        case .json:
            let text = document ?? table.json
            Terminal.data(text.hasSuffix("\n") ? text : text + "\n")
        case .csv: Terminal.data(table.csv)
        case .table:
            guard !table.isEmpty else { return Terminal.talk(nothing) }
            Terminal.data(TableText(table, on: screen).text)
        }
    }

    /// Writes the elements of an answer's list: for programs the answer as it came.
    ///
    /// - Parameter name: The member that is the list.
    func show(_ answer: Answer, _ name: String, _ columns: [Column], nothing: String) {
        show(
            Table(name, columns, of: answer.json.list(name)),
            document: answer.text,
            nothing: nothing
        )
    }

    /// Writes one thing: an answer that is a row by itself.
    func show(_ answer: Answer, _ columns: [Column]) {
        show(Table("", columns, of: [answer.json]), document: answer.text)
    }

    /// Says what was done, where there is nothing else to show.
    func done(_ answer: Answer, _ sentence: String) {
        if output == .json {
            show(Table("", []), document: answer.text)
        } else {
            Terminal.talk(sentence)
        }
    }

    private var screen: Screen {
        var screen = Terminal.screen
        if noColor { screen.hasColor = false }
        return screen
    }
}
