internal import ArgumentParser

/// Which Waldur a verb is about, where the server reports to several.
struct WaldurOption: ParsableArguments {
    @Option(help: ArgumentHelp("Which Waldur, where there are several.", valueName: "id"))
    var waldur: String?

    /// For the request.
    var query: [(String, String)] { waldur.map { [("waldur", $0)] } ?? [] }
}
