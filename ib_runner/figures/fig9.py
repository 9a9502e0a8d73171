"""Fig. 9: parameters, densities and information of two leaky-ReLU neurons in series."""

from matplotlib.figure import Figure

from ib_runner.figures.density import density_bar, draw_density
from ib_runner.figures.layer_style import layer_legend
from ib_runner.figures.mutual_information import draw_information
from ib_runner.figures.parameter import draw_parameters
from ib_runner.figures.style import PAGE, letter, new_figure, styled
from ib_runner.selections.context import Context, Tables, facts


class Fig9:
    """(a) every weight and bias, (b), (c) p(t) of both layers, (d) I(X;T_ℓ) and bounds on it."""

    tables_needed = ("parameter", "density", "mutual_information", "layers")

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        density = tables("density")
        layers = sorted(density["layer"].unique())
        if len(layers) != 2:
            raise ValueError(f"{len(layers)} layers have densities; two are needed")
        figure = new_figure(PAGE, 4.8)
        places = figure.subfigures(2, 2).ravel()
        draw_parameters(places[0].subplots(), tables("parameter"))
        for place, layer in zip(places[1:3], layers, strict=True):
            heat = place.subplots()
            density_bar(place, draw_density(heat, density, layer), heat)
        axes = places[3].subplots()
        key = draw_information(axes, tables("mutual_information"), facts(tables), context)
        layer_legend(axes, key)
        for place, name in zip(places, "abcd", strict=True):
            letter(place, name)
        return figure
