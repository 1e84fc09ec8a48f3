"""Where in the picture the evidence for a class lies, by every method of the class-activation family, and of what parts
it is made."""

from pages.shared import belief, fine_lines, knockouts, pointing, sanity, scaled_units, scorecams
from pages.shared.class_activation import compare, controls, every_method, one_class, take_apart
from pages.shared.state import t
from pages.shared.widgets import choose_class, class_index, paragraph, reading

shown = class_index()
paragraph(t("gradcam.what"))
choose_class(t("gradcam.top_five"))
asked, paint = controls()
one_class(shown, asked, paint)
every_method(shown, asked, paint)
scorecams.show(shown, asked, paint)
compare(shown, asked, paint)
take_apart(shown, asked, paint)
fine_lines.show(shown, asked)
knockouts.needed(shown, asked)
scaled_units.show(shown, asked.head)
belief.show(shown, asked)
pointing.show(asked, paint)
sanity.show_permuted_evidence(shown)
reading("gradcam")
